// The routes that generate nothing, and llama.cpp's and Anthropic's shapes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/testing/api_fixture.h"
#include "server/testing/thinking_model.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

class RoutesTest : public ApiFixture {
 protected:
  void serve_chat() {
    serve_stories();
    use_template(testing::kChatTemplate);
  }
  void serve_thinking() {
    context_.model.vocab_size = 16;
    serve(testing::thinking_parts(), testing::thinking_tokenizer(), {"model"});
    use_template("x");
  }
  static Json user(const std::string& text) {
    return {{{"role", "user"}, {"content", text}}};
  }
};

TEST_F(RoutesTest, HealthFollowsTheServersLife) {
  api_ = make_api(context_);
  const auto health = [this] { return ask("GET", "/health"); };
  EXPECT_EQ(health()->head.status, 503);
  EXPECT_EQ(Json::parse(health()->head.body)["status"], "loading");
  EXPECT_EQ(ask("GET", "/v1/models")->head.status, 503);
  EXPECT_EQ(refusal("/v1/completions", "{}").code, "loading");
  EXPECT_EQ(ask("GET", "/v1/models")->head.headers.at("retry-after"), "1");
  serve_tables();
  EXPECT_EQ(health()->head.status, 200);
  EXPECT_EQ(Json::parse(health()->head.body)["status"], "ok");
  context_.state = ServerState::kDraining;
  EXPECT_EQ(health()->head.status, 503);
  EXPECT_EQ(ask("GET", "/v1/models")->head.status, 200);
  EXPECT_EQ(refusal("/v1/completions", "{}").status, 503);
}

TEST_F(RoutesTest, SaysWhatTheModelIs) {
  context_.model.other_ids = {"house/pilot"};
  context_.model.parameters = 12;
  serve_tables();
  const Json list = get("/v1/models");
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0]["id"], "toy");
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(list["data"][0]["meta"]["n_positions"], 128);
  EXPECT_EQ(list["data"][0]["meta"]["parameters"], 12);
  EXPECT_EQ(get("/v1/models/toy"), list["data"][0]);
  EXPECT_EQ(get("/v1/models/house/pilot"), list["data"][0]);
  EXPECT_EQ(ask("GET", "/v1/models/other")->head.status, 404);
  post("/v1/completions",
       {{"model", "house/pilot"}, {"prompt", {1}}, {"max_tokens", 1}});
}

TEST_F(RoutesTest, PropsAndSlotsAreLlamaCpps) {
  context_.sampling.temperature = 0.5;
  serve_tables(3);
  use_template("x");
  const Json props = get("/props");
  EXPECT_EQ(props["total_slots"], 3);
  EXPECT_EQ(props["chat_template"], "x");
  EXPECT_EQ(props["default_generation_settings"]["n_ctx"], 128);
  EXPECT_EQ(props["default_generation_settings"]["params"]["temperature"], 0.5);
  const Json slots = get("/slots");
  ASSERT_EQ(slots.size(), 3u);
  EXPECT_EQ(slots[2]["id"], 2);
  EXPECT_EQ(slots[0]["is_processing"], false);
}

TEST_F(RoutesTest, TokensAndTexts) {
  serve_stories();
  const std::string text = "Lily saw a Grüße 🐟 </s>";
  const Json plain = post("/tokenize", {{"content", text}})["tokens"];
  EXPECT_EQ(post("/detokenize", {{"tokens", plain}})["content"],
            context_.tokenizer->decode(plain.get<std::vector<Token>>(), false));
  const Json special =
      post("/tokenize", {{"content", text}, {"add_special", true}})["tokens"];
  EXPECT_EQ(special[0], 1);
  EXPECT_EQ(special.size(), plain.size() + 1);
  EXPECT_GT(
      post("/tokenize", {{"content", text}, {"parse_special", false}})["tokens"]
          .size(),
      plain.size());
  std::string spelled;
  const Json pieces =
      post("/tokenize", {{"content", "Hi 🐟"}, {"with_pieces", true}});
  for (const Json& token : pieces["tokens"]) {
    const Json& piece = token["piece"];
    if (piece.is_string()) {
      spelled += piece;
    } else {
      for (const Json& byte : piece)
        spelled += static_cast<char>(byte.get<int>());
    }
  }
  EXPECT_THAT(spelled, ::testing::EndsWith("Hi 🐟"));
  EXPECT_EQ(refusal("/tokenize", "{}").param, "content");
  EXPECT_EQ(refusal("/tokenize", R"({"content": 1})").param, "content");
  EXPECT_EQ(refusal("/detokenize", "{}").param, "tokens");
  EXPECT_EQ(refusal("/detokenize", R"({"tokens": [123456789]})").param,
            "tokens");
  EXPECT_EQ(ask("GET", "/tokenize")->head.status, 405);
}

TEST_F(RoutesTest, AppliesTheTemplate) {
  serve_chat();
  EXPECT_EQ(post("/apply-template", {{"messages", user("Hi")}})["prompt"],
            "<|user|>\nHi\n<|assistant|>\n");
  EXPECT_EQ(post("/apply-template",
                 {{"messages", {{{"role", "developer"}, {"content", "Be"}}}},
                  {"add_generation_prompt", false}})["prompt"],
            "<|system|>\nBe\n");
}

TEST_F(RoutesTest, LlamaCppsCompletion) {
  serve_stories();
  const Json asked = {{"prompt", "Once upon a time"},
                      {"n_predict", 30},
                      {"stop", {" little"}},
                      {"return_tokens", true},
                      {"n_probs", 2}};
  const Json json = post("/completion", asked);
  EXPECT_EQ(json["stop"], true);
  EXPECT_EQ(json["tokens_predicted"], json["tokens"].size());
  EXPECT_EQ(json["timings"]["predicted_n"], json["tokens_predicted"]);
  EXPECT_EQ(json["prompt"], "Once upon a time");
  EXPECT_EQ(json["stop_type"], "word");
  EXPECT_EQ(json["stopping_word"], " little");
  std::string text;
  Json tokens = Json::array();
  const auto chunks = stream("/completion", asked);
  for (const Json& chunk : chunks) {
    text += chunk["content"];
    for (const Json& token : chunk["tokens"]) tokens.push_back(token);
    EXPECT_EQ(chunk["stop"], &chunk == &chunks.back());
  }
  EXPECT_EQ(text, json["content"]);
  EXPECT_EQ(tokens, json["tokens"]);
  const Json mixed = post(
      "/completion", {{"prompt", {"Once upon", 3, " a"}}, {"n_predict", 2}});
  EXPECT_EQ(mixed["tokens_predicted"], 2);
  EXPECT_EQ(mixed["stop_type"], "limit");
  const Json two =
      post("/completion", {{"prompt", {"Once", "Lily"}}, {"n_predict", 2}});
  EXPECT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1]["index"], 1);
  EXPECT_EQ(refusal("/completion", R"({"prompt": "a", "n_probs": -1})").param,
            "n_probs");
  const Json none = post("/completion", {{"prompt", "Once"}, {"n_predict", 0}});
  EXPECT_EQ(none["content"], "");
  EXPECT_EQ(none["tokens_predicted"], 0);
}

// It broke off between its last token and the news of its end.
TEST_F(RoutesTest, ATextThatIsResumedAtItsEndSaysWhyItEnded) {
  serve_tables();
  Json asked = {{"prompt", {1, 8}},     {"n_predict", 40},
                {"temperature", 1.2},   {"seed", 3},
                {"reproducible", true}, {"ignore_eos", true},
                {"return_tokens", true}};
  for (const Json& stop : {Json(), Json{"#", "ab"}}) {
    asked["stop"] = stop;
    asked.erase("resume");
    const Json whole = post("/completion", asked);
    EXPECT_EQ(whole["stopping_word"], stop.is_null() ? "" : "ab");
    asked["resume"] = {{"tokens", whole["tokens"]}};
    const Json rest = post("/completion", asked);
    // Half a character at the most, which was held back.
    EXPECT_TRUE(rest["content"] == "" || rest["content"] == "\uFFFD");
    EXPECT_TRUE(whole["content"].get<std::string>().ends_with(
        rest["content"].get<std::string>()));
    EXPECT_EQ(rest["tokens"], Json::array());
    EXPECT_EQ(rest["stop_type"], whole["stop_type"]);
    EXPECT_EQ(rest["stopping_word"], whole["stopping_word"]);
    asked["stream"] = true;
    const auto exchange = ask("POST", "/completion", asked.dump());
    EXPECT_EQ(testing::chunks_of(exchange->written).back()["stop_type"],
              whole["stop_type"]);
    asked.erase("stream");
  }
  // It filled all positions.
  asked["n_predict"] = -1;
  asked.erase("stop");
  asked.erase("resume");
  asked["resume"] = {{"tokens", post("/completion", asked)["tokens"]}};
  EXPECT_EQ(asked["resume"]["tokens"].size(), 126u);
  EXPECT_EQ(post("/completion", asked)["stop_type"], "limit");
  asked["resume"]["tokens"].push_back(8);
  EXPECT_EQ(refusal("/completion", asked.dump()).code,
            "context_length_exceeded");
}

TEST_F(RoutesTest, AnthropicsMessages) {
  serve_chat();
  Json asked = {{"model", "toy"},
                {"system", {{{"type", "text"}, {"text", "Be kind."}}}},
                {"messages", user("Tell me a story.")},
                {"max_tokens", 16}};
  const Json json = post("/v1/messages", asked);
  EXPECT_EQ(json["type"], "message");
  EXPECT_EQ(json["role"], "assistant");
  EXPECT_EQ(json["content"][0]["type"], "text");
  EXPECT_EQ(json["stop_reason"], "max_tokens");
  EXPECT_EQ(json["stop_sequence"], nullptr);
  EXPECT_EQ(json["usage"]["output_tokens"], 16);
  EXPECT_EQ(json["usage"]["input_tokens"],
            post("/v1/messages/count_tokens", asked)["input_tokens"]);
  asked["stop_sequences"] = {
      json["content"][0]["text"].get<std::string>().substr(4, 3)};
  const Json stopped = post("/v1/messages", asked);
  EXPECT_EQ(stopped["stop_reason"], "stop_sequence");
  EXPECT_EQ(stopped["stop_sequence"], asked["stop_sequences"][0]);
  // Now the prompt is cached, and Anthropic counts that apart.
  EXPECT_GT(stopped["usage"]["cache_read_input_tokens"], 0);
}

TEST_F(RoutesTest, AnthropicsStreamHasBlocks) {
  serve_thinking();
  int blocks = 0;
  for (int seed = 0; seed < 40; ++seed) {
    Json asked = {
        {"messages", user("Hi")}, {"max_tokens", 30},
        {"seed", seed},           {"temperature", 1},
        {"reproducible", true},   {"logit_bias", {{"2", 3}, {"3", 1}}}};
    const Json whole = post("/v1/messages", asked);
    asked["stream"] = true;
    const auto exchange = ask("POST", "/v1/messages", asked.dump());
    Json message;
    for (const testing::Event& event : testing::events_of(exchange->written)) {
      const Json& data = event.data;
      EXPECT_EQ(event.name, data["type"]);
      if (event.name == "message_start") message = data["message"];
      if (event.name == "content_block_start") {
        EXPECT_EQ(data["index"], message["content"].size());
        message["content"].push_back(data["content_block"]);
      }
      if (event.name == "content_block_delta") {
        const Json& delta = data["delta"];
        Json& block = message["content"].at(data["index"].get<int>());
        const char* part = delta["type"] == "text_delta" ? "text" : "thinking";
        block[part] =
            block[part].get<std::string>() + delta[part].get<std::string>();
      }
      if (event.name == "message_delta") {
        message.update(data["delta"]);
        message["usage"] = data["usage"];
      }
    }
    EXPECT_TRUE(exchange->written.ends_with(
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    EXPECT_EQ(message["content"], whole["content"]) << seed;
    EXPECT_EQ(message["stop_reason"], whole["stop_reason"]);
    EXPECT_EQ(message["usage"]["output_tokens"],
              whole["usage"]["output_tokens"]);
    blocks += whole["content"].size() == 2;
  }
  EXPECT_GT(blocks, 1);
}

TEST_F(RoutesTest, AnthropicsErrorsHaveItsShape) {
  serve_chat();
  const auto exchange = ask("POST", "/v1/messages", R"({"messages": 1})");
  EXPECT_EQ(exchange->head.status, 400);
  const Json json = Json::parse(exchange->head.body);
  EXPECT_EQ(json["type"], "error");
  EXPECT_EQ(json["error"]["type"], "invalid_request_error");
  const std::vector<std::pair<Json, std::string>> kBad = {
      {{{"max_tokens", nullptr}}, "max_tokens"},
      {{{"system", 1}}, "system"},
      {{{"stop_sequences", 1}}, "stop_sequences"},
      {{{"tools", {{{"name", "f g"}}}}}, "tools[0].name"},
      {{{"tool_choice", {{"type", "any"}}}}, "tool_choice"},
      {{{"messages", {{{"role", "system"}, {"content", "a"}}}}},
       "messages[0].role"},
      {{{"messages",
         {{{"role", "user"}, {"content", {{{"type", "tool_result"}}}}}}}},
       "messages[0].content[0].tool_use_id"}};
  for (const auto& [fields, param] : kBad) {
    Json asked = {{"messages", user("Hi")}, {"max_tokens", 2}};
    asked.update(fields);
    EXPECT_EQ(refusal("/v1/messages", asked.dump()).param, param) << fields;
  }
  // Whatever refuses it.
  EXPECT_EQ(Json::parse(ask("GET", "/v1/messages")->head.body)["type"],
            "error");
  context_.state = ServerState::kDraining;
  const Json draining =
      Json::parse(ask("POST", "/v1/messages", "{}")->head.body);
  EXPECT_EQ(draining["error"]["type"], "overloaded_error");
  context_.state = ServerState::kReady;
  // What was thought earlier is passed over.
  post("/v1/messages", {{"max_tokens", 2},
                        {"messages",
                         {{{"role", "user"}, {"content", "Hi"}},
                          {{"role", "assistant"},
                           {"content",
                            {{{"type", "thinking"}, {"thinking", "x"}},
                             {{"type", "text"}, {"text", "Hello"}}}}},
                          {{"role", "user"}, {"content", "Again"}}}}});
}

TEST_F(RoutesTest, ResponsesAreItems) {
  serve_chat();
  Json asked = {{"input", "Tell me a story."},
                {"instructions", "Be kind."},
                {"max_output_tokens", 16},
                {"metadata", {{"a", "b"}}},
                {"tools", {{{"type", "web_search"}}}}};
  const Json json = post("/v1/responses", asked);
  EXPECT_EQ(json["object"], "response");
  EXPECT_EQ(json["status"], "incomplete");
  EXPECT_EQ(json["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(json["instructions"], "Be kind.");
  EXPECT_EQ(json["metadata"], asked["metadata"]);
  ASSERT_EQ(json["output"].size(), 1u);
  EXPECT_EQ(json["output"][0]["type"], "message");
  EXPECT_EQ(json["output"][0]["content"][0]["type"], "output_text");
  EXPECT_EQ(json["usage"]["output_tokens"], 16);
  asked["input"] = {
      {{"role", "user"},
       {"content", {{{"type", "input_text"}, {"text", "Tell me a story."}}}}},
      {{"type", "reasoning"}, {"summary", Json::array()}}};
  EXPECT_EQ(post("/v1/responses", asked)["output"][0]["content"],
            json["output"][0]["content"]);
  const auto scores = [&](const Json& fields) {
    Json scored = asked;
    scored.update(fields);
    const Json part = post("/v1/responses", scored)["output"][0]["content"][0];
    return part["logprobs"];
  };
  EXPECT_EQ(scores(Json::object()), Json::array());
  EXPECT_EQ(scores({{"top_logprobs", 2}})[0]["top_logprobs"].size(), 2u);
  EXPECT_EQ(scores({{"include", {"message.output_text.logprobs"}}}).size(),
            16u);
  const std::vector<std::pair<Json, std::string>> kBad = {
      {{{"input", nullptr}}, "input"},
      {{{"tool_choice", {{"type", "web_search"}}}}, "tool_choice"},
      {{{"input", {1}}}, "input[0]"},
      {{{"input", {{{"type", "function_call"}}}}}, "input[0].name"},
      {{{"input", {{{"type", "computer_call"}}}}}, "input[0].type"},
      {{{"previous_response_id", "resp_1"}}, "previous_response_id"},
      {{{"background", true}}, "background"},
      {{{"max_output_tokens", 0}}, "max_output_tokens"},
      {{{"text", {{"format", {{"type", "json_schema"}}}}}},
       "text.format.schema"},
      {{{"tools", {{{"type", "function"}}}}}, "tools[0].name"}};
  for (const auto& [fields, param] : kBad) {
    Json bad = asked;
    bad.update(fields);
    const Refusal refused = refusal("/v1/responses", bad.dump());
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.param, param) << fields;
  }
}

TEST_F(RoutesTest, AStreamOfAResponseBuildsIt) {
  serve_thinking();
  int items = 0;
  for (int seed = 0; seed < 40; ++seed) {
    Json asked = {{"input", "Hi"},
                  {"max_output_tokens", 30},
                  {"seed", seed},
                  {"temperature", 1},
                  {"reproducible", true},
                  {"include", {"message.output_text.logprobs"}},
                  {"logit_bias", {{"2", 3}, {"3", 1}}}};
    const Json whole = post("/v1/responses", asked);
    asked["stream"] = true;
    const auto exchange = ask("POST", "/v1/responses", asked.dump());
    Json output = Json::array();
    Json last;
    int sequence = 0;
    for (const testing::Event& event : testing::events_of(exchange->written)) {
      const Json& data = event.data;
      EXPECT_EQ(event.name, data["type"]);
      EXPECT_EQ(data["sequence_number"], sequence++);
      if (event.name == "response.output_item.added") {
        EXPECT_EQ(data["output_index"], output.size());
        output.push_back(data["item"]);
      }
      if (event.name == "response.content_part.added") {
        output.at(data["output_index"].get<int>())["content"].push_back(
            data["part"]);
      }
      if (event.name.ends_with("_text.delta")) {
        Json& item = output.at(data["output_index"].get<int>());
        EXPECT_EQ(item["id"], data["item_id"]);
        Json& text =
            item["content"].at(data["content_index"].get<int>())["text"];
        text = text.get<std::string>() + data["delta"].get<std::string>();
      }
      if (event.name == "response.output_item.done") {
        EXPECT_EQ(
            output.at(data["output_index"].get<int>())["content"][0]["text"],
            data["item"]["content"][0]["text"]);
      }
      last = data;
    }
    for (std::size_t i = 0; i < output.size(); ++i) {
      EXPECT_EQ(output[i]["content"][0]["text"],
                whole["output"].at(i)["content"][0]["text"]);
    }
    EXPECT_EQ(last["type"], "response." + whole["status"].get<std::string>());
    EXPECT_EQ(last["response"]["usage"]["output_tokens"],
              whole["usage"]["output_tokens"]);
    items += output.size() == 2;
  }
  EXPECT_GT(items, 1);
}

}  // namespace
}  // namespace pilotfish::server
