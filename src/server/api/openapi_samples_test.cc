// Writes answers of all kinds for tests/openapi_test.py, which compares them
// with OpenAI's own description: one JSON object in a line, {"schema": its name
// there, "json": what was answered}.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "server/testing/api_fixture.h"
#include "server/testing/calling_model.h"
#include "server/testing/thinking_model.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

class OpenApiSamples : public ApiFixture {
 protected:
  void SetUp() override {
    const char* path = std::getenv("PILOTFISH_OPENAPI_SAMPLES");
    if (path == nullptr) GTEST_SKIP() << "PILOTFISH_OPENAPI_SAMPLES is not set";
    file_.open(path, std::ios::app);
    context_.model.vocab_size = 16;
    serve(testing::thinking_parts(), testing::thinking_tokenizer(), {"model"});
    use_template("x");
  }
  void keep(const char* schema, const Json& json) {
    file_ << Json{{"schema", schema}, {"json", json}}.dump() << '\n';
  }
  // The answer, and all chunks of the same streamed.
  void keep_both(const char* path, const char* schema, const char* chunk,
                 const Json& body) {
    keep(schema, post(path, body));
    for (const Json& json : stream(path, body)) keep(chunk, json);
  }

 private:
  std::ofstream file_;
};

TEST_F(OpenApiSamples, AreWritten) {
  keep("ListModelsResponse", get("/v1/models"));
  keep("Model", get("/v1/models/toy"));
  keep("ErrorResponse",
       Json::parse(ask("POST", "/v1/completions", "{}")->head.body));
  for (int seed = 0; seed < 12; ++seed) {
    Json body = {{"seed", seed},
                 {"temperature", 1},
                 {"stop", {"abb", "xy"}},
                 {"logit_bias", {{"2", 3}, {"3", 1}}}};
    if (seed % 2 == 0) {
      body["n"] = 2;
      body["stream_options"] = {{"include_usage", true}};
    }
    Json completion = body;
    completion["prompt"] = "x";
    completion["max_tokens"] = 12;
    if (seed % 3 == 0) completion["logprobs"] = 2;
    if (seed % 4 == 0) completion["echo"] = true;
    keep_both("/v1/completions", "CreateCompletionResponse",
              "CreateCompletionResponse", completion);
    Json chat = body;
    chat["messages"] = {{{"role", "user"}, {"content", "Hi"}}};
    chat["max_completion_tokens"] = 12;
    if (seed % 3 == 0) chat.update({{"logprobs", true}, {"top_logprobs", 2}});
    keep_both("/v1/chat/completions", "CreateChatCompletionResponse",
              "CreateChatCompletionStreamResponse", chat);
    Json response = body;
    response.erase("n");
    response.erase("stream_options");
    response["input"] = "Hi";
    response["max_output_tokens"] = 20;
    if (seed % 3 == 0) response["include"] = {"message.output_text.logprobs"};
    keep_both("/v1/responses", "Response", "ResponseStreamEvent", response);
  }
}

TEST_F(OpenApiSamples, OfCallsAndFormats) {
  const auto tokenizer = testing::calling_tokenizer();
  context_.model.vocab_size =
      static_cast<std::int64_t>(tokenizer->vocab_size());
  serve(testing::calling_parts(), tokenizer, {"model"});
  use_template(testing::kCallingTemplate);
  const Json parameters = {{"type", "object"},
                           {"properties", {{"a", {{"enum", {1, "x"}}}}}},
                           {"required", {"a"}},
                           {"additionalProperties", false}};
  const Json function = {
      {"name", "f"}, {"description", "d"}, {"parameters", parameters}};
  for (int seed = 0; seed < 6; ++seed) {
    const Json body = {{"seed", seed},
                       {"temperature", 1},
                       {"logit_bias", {{"2", 5}, {"1", 3}}}};
    Json chat = body;
    chat["messages"] = {{{"role", "user"}, {"content", "Hi"}}};
    chat["max_completion_tokens"] = 400;
    chat["tools"] = {{{"type", "function"}, {"function", function}}};
    if (seed % 2 == 0) chat["tool_choice"] = "required";
    keep_both("/v1/chat/completions", "CreateChatCompletionResponse",
              "CreateChatCompletionStreamResponse", chat);
    Json response = body;
    response["input"] = "Hi";
    response["max_output_tokens"] = 400;
    if (seed % 3 == 0) {
      response["text"]["format"] = {
          {"type", "json_schema"}, {"name", "a"}, {"schema", parameters}};
    } else {
      response["tools"] = {function};
      response["tools"][0]["type"] = "function";
      response["tool_choice"] = "required";
      response["parallel_tool_calls"] = seed % 3 == 1;
    }
    keep_both("/v1/responses", "Response", "ResponseStreamEvent", response);
  }
}

}  // namespace
}  // namespace pilotfish::server
