// Calls of tools through the routes, and what texts may be held to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "answers/testing/byte_tokenizer.h"
#include "server/testing/api_fixture.h"
#include "server/testing/calling_model.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using ::testing::HasSubstr;
using testing::Json;
using ::testing::StartsWith;

constexpr const char* kCallsPath = "/v1/chat/completions";

class ToolCallsTest : public ApiFixture {
 protected:
  void SetUp() override {
    const auto tokenizer = testing::calling_tokenizer();
    context_.model.vocab_size =
        static_cast<std::int64_t>(tokenizer->vocab_size());
    serve(testing::calling_parts(), tokenizer, {"model"});
    use_template(testing::kCallingTemplate);
  }

  static Json parameters() {
    return Json::parse(R"({"type": "object", "properties": {
        "city": {"enum": ["Oslo", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 99}},
        "required": ["city"], "additionalProperties": false})");
  }
  static Json tools() {
    return {
        {{"type", "function"},
         {"function", {{"name", "get_weather"}, {"parameters", parameters()}}}},
        {{"type", "function"}, {"function", {{"name", "now"}}}}};
  }
  // The fields of a sampled text that is the same however it is asked for.
  static Json sampled(int seed) {
    return {{"seed", seed}, {"temperature", 1}, {"reproducible", true}};
  }
  static Json asked(int seed, const Json& more = Json::object()) {
    Json body = sampled(seed);
    body["messages"] = {{{"role", "user"}, {"content", "Hi"}}};
    body["max_tokens"] = 2000;
    body["tools"] = tools();
    body.update(more);
    return body;
  }

  // A call's name is a tool's, and its arguments are valid.
  static void check_call(const std::string& name, const Json& arguments) {
    ASSERT_TRUE(arguments.is_object()) << arguments;
    if (name == "now") {
      EXPECT_EQ(arguments, Json::object());
      return;
    }
    EXPECT_EQ(name, "get_weather");
    EXPECT_TRUE(arguments["city"] == "Oslo" || arguments["city"] == "Rome");
    for (const auto& [key, value] : arguments.items()) {
      if (key == "city") continue;
      EXPECT_EQ(key, "days");
      EXPECT_TRUE(value.is_number_integer()) << value;
    }
  }

  // A message, put together from a stream as clients do it.
  static Json joined(const std::vector<Json>& chunks, Json& reason) {
    Json message = {{"content", ""}, {"tool_calls", Json::array()}};
    for (const Json& chunk : chunks) {
      const Json& choice = chunk["choices"][0];
      if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
      const Json& delta = choice["delta"];
      if (delta.contains("content")) {
        message["content"] = message["content"].get<std::string>() +
                             delta["content"].get<std::string>();
      }
      if (!delta.contains("tool_calls")) continue;
      for (const Json& call : delta["tool_calls"]) {
        const auto index = call["index"].get<std::size_t>();
        Json& calls = message["tool_calls"];
        if (index == calls.size()) {
          EXPECT_EQ(call["type"], "function");
          calls.push_back(
              {{"id", call["id"]},
               {"type", "function"},
               {"function",
                {{"name", call["function"]["name"]}, {"arguments", ""}}}});
        } else {
          EXPECT_FALSE(call.contains("id"));
          EXPECT_FALSE(call["function"].contains("name"));
        }
        Json& whole = calls.at(index)["function"]["arguments"];
        whole = whole.get<std::string>() +
                call["function"]["arguments"].get<std::string>();
      }
    }
    if (message["tool_calls"].empty()) {
      message.erase("tool_calls");
    } else if (message["content"] == "") {
      message["content"] = nullptr;
    }
    return message;
  }

  // What `body` is answered, whole; a stream of the same adds up to it.
  Json choice_of(Json body) {
    const Json choice = post(kCallsPath, body)["choices"][0];
    Json reason;
    const Json message = joined(stream(kCallsPath, body), reason);
    EXPECT_EQ(reason, choice["finish_reason"]);
    EXPECT_EQ(message["content"], choice["message"]["content"]);
    EXPECT_EQ(message.contains("tool_calls"),
              choice["message"].contains("tool_calls"));
    if (!message.contains("tool_calls")) return choice;
    EXPECT_EQ(message["tool_calls"].size(),
              choice["message"]["tool_calls"].size());
    for (std::size_t i = 0; i < message["tool_calls"].size(); ++i) {
      EXPECT_EQ(message["tool_calls"][i]["function"],
                choice["message"]["tool_calls"][i]["function"]);
    }
    return choice;
  }
};

TEST_F(ToolCallsTest, RequiredCallsAreMadeWholeAndStreamed) {
  std::size_t most = 0;
  std::set<std::string> names;
  for (int seed = 0; seed < 12; ++seed) {
    // Another call is rather made than not.
    const Json choice = choice_of(asked(
        seed, {{"tool_choice", "required"}, {"logit_bias", {{"1", -5}}}}));
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_EQ(choice["message"]["content"], nullptr);
    const Json& calls = choice["message"]["tool_calls"];
    ASSERT_GE(calls.size(), 1u);
    most = std::max(most, calls.size());
    std::set<Json> ids;
    for (const Json& call : calls) {
      ids.insert(call["id"]);
      names.insert(call["function"]["name"]);
      check_call(call["function"]["name"],
                 Json::parse(call["function"]["arguments"].get<std::string>()));
    }
    EXPECT_EQ(ids.size(), calls.size());
  }
  EXPECT_GT(most, 1u);
  EXPECT_EQ(names.size(), 2u);
}

TEST_F(ToolCallsTest, OneToolOrOneCallCanBeAskedFor) {
  for (int seed = 0; seed < 6; ++seed) {
    const Json named = choice_of(asked(
        seed, {{"tool_choice",
                {{"type", "function"}, {"function", {{"name", "now"}}}}}}));
    ASSERT_EQ(named["message"]["tool_calls"].size(), 1u);
    EXPECT_EQ(named["message"]["tool_calls"][0]["function"]["name"], "now");
    const Json one = choice_of(asked(
        seed, {{"tool_choice", "required"}, {"parallel_tool_calls", false}}));
    EXPECT_EQ(one["message"]["tool_calls"].size(), 1u);
  }
}

TEST_F(ToolCallsTest, TheModelMayCallBehindAText) {
  int texts = 0;
  int calls = 0;
  for (int seed = 0; seed < 30; ++seed) {
    const Json choice = choice_of(
        asked(seed, {{"max_tokens", 400},
                     {"logit_bias",
                      {{std::to_string(testing::kCallToken), 3}, {"1", 3}}}}));
    const Json& message = choice["message"];
    if (message["content"].is_string()) {
      EXPECT_EQ(message["content"].get<std::string>().find("<tool_call"),
                std::string::npos);
      ++texts;
    }
    if (!message.contains("tool_calls")) continue;
    ++calls;
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
  }
  EXPECT_GT(texts, 3);
  EXPECT_GT(calls, 3);
}

TEST_F(ToolCallsTest, NoneMeansNone) {
  for (int seed = 0; seed < 10; ++seed) {
    const Json choice = choice_of(asked(
        seed, {{"tool_choice", "none"},
               {"max_tokens", 60},
               {"logit_bias", {{std::to_string(testing::kCallToken), 30}}}}));
    EXPECT_FALSE(choice["message"].contains("tool_calls"));
    EXPECT_EQ(
        choice["message"]["content"].get<std::string>().find("<tool_call>"),
        std::string::npos);
  }
}

TEST_F(ToolCallsTest, ACallThatIsCutSaysSo) {
  const Json choice =
      choice_of(asked(1, {{"tool_choice", "required"}, {"max_tokens", 20}}));
  EXPECT_EQ(choice["finish_reason"], "length");
}

TEST_F(ToolCallsTest, AnthropicsCallsAreBlocks) {
  int many = 0;
  for (int seed = 0; seed < 8; ++seed) {
    Json body = asked(seed, {{"logit_bias", {{"1", -5}}}});
    body["tools"] = {{{"name", "get_weather"}, {"input_schema", parameters()}},
                     {{"name", "now"},
                      {"input_schema",
                       {{"type", "object"}, {"additionalProperties", false}}}},
                     {{"type", "web_search_20250305"}, {"name", "search"}}};
    body["tool_choice"] = {{"type", "any"}};
    const Json whole = post("/v1/messages", body);
    EXPECT_EQ(whole["stop_reason"], "tool_use");
    std::vector<Json> blocks;
    std::string partial;
    for (const Json& event : stream("/v1/messages", body)) {
      if (event["type"] == "content_block_start") {
        blocks.push_back(event["content_block"]);
        EXPECT_EQ(blocks.back()["input"], Json::object());
        partial.clear();
      }
      if (event["type"] == "content_block_delta") {
        EXPECT_EQ(event["delta"]["type"], "input_json_delta");
        EXPECT_EQ(event["index"], blocks.size() - 1);
        partial += event["delta"]["partial_json"].get<std::string>();
      }
      if (event["type"] == "content_block_stop") {
        blocks.back()["input"] = Json::parse(partial);
      }
      if (event["type"] == "message_delta") {
        EXPECT_EQ(event["delta"]["stop_reason"], "tool_use");
      }
    }
    ASSERT_EQ(blocks.size(), whole["content"].size());
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(blocks[i]["type"], "tool_use");
      EXPECT_EQ(blocks[i]["name"], whole["content"][i]["name"]);
      EXPECT_EQ(blocks[i]["input"], whole["content"][i]["input"]);
      check_call(blocks[i]["name"], blocks[i]["input"]);
    }
    many += blocks.size() > 1;
  }
  EXPECT_GT(many, 0);
}

TEST_F(ToolCallsTest, ResponsesCallsAreItems) {
  for (int seed = 0; seed < 8; ++seed) {
    Json body = sampled(seed);
    body.update({{"input", "Hi"},
                 {"max_output_tokens", 2000},
                 {"tool_choice", "required"},
                 {"tools",
                  {{{"type", "function"},
                    {"name", "get_weather"},
                    {"parameters", parameters()}}}}});
    const Json whole = post("/v1/responses", body);
    EXPECT_EQ(whole["status"], "completed");
    EXPECT_EQ(whole["tools"][0]["name"], "get_weather");
    std::map<std::string, std::string> arguments;  // by item
    std::vector<Json> done;
    for (const Json& event : stream("/v1/responses", body)) {
      if (event["type"] == "response.function_call_arguments.delta") {
        arguments[event["item_id"]] += event["delta"].get<std::string>();
      }
      if (event["type"] == "response.function_call_arguments.done") {
        EXPECT_EQ(event["arguments"], arguments.at(event["item_id"]));
      }
      if (event["type"] == "response.output_item.done") {
        done.push_back(event["item"]);
      }
    }
    ASSERT_EQ(done.size(), whole["output"].size());
    for (std::size_t i = 0; i < done.size(); ++i) {
      EXPECT_EQ(done[i]["type"], "function_call");
      EXPECT_EQ(done[i]["arguments"], whole["output"][i]["arguments"]);
      EXPECT_EQ(done[i]["arguments"], arguments.at(done[i]["id"]));
      check_call(done[i]["name"],
                 Json::parse(done[i]["arguments"].get<std::string>()));
    }
  }
}

TEST_F(ToolCallsTest, TextsAreHeldToTheirFormat) {
  const Json schema = parameters();
  const std::vector<Json> kFormats = {
      {{"response_format",
        {{"type", "json_schema"},
         {"json_schema", {{"name", "a"}, {"schema", schema}}}}}},
      {{"response_format",
        {{"type", "json_schema"},
         {"json_schema",
          {{"name", "a"}, {"schema", schema}, {"strict", true}}}}}},
      {{"response_format", {{"type", "json_object"}, {"schema", schema}}}},
      {{"json_schema", schema}},
      {{"guided_json", schema}},
      {{"guided_json", schema.dump()}},
      {{"structured_outputs", {{"json", schema}}}}};
  for (const Json& format : kFormats) {
    Json body = asked(3, format);
    body.erase("tools");
    const Json choice = choice_of(body);
    EXPECT_EQ(choice["finish_reason"], "stop") << format;
    check_call("get_weather",
               Json::parse(choice["message"]["content"].get<std::string>()));
  }
  const std::vector<std::pair<Json, std::string>> kTexts = {
      {{{"grammar", "root ::= \"ab\" | \"abc\""}}, "ab"},
      {{{"guided_grammar", "root ::= \"ab\""}}, "ab"},
      {{{"guided_choice", {"abd", "abe"}}}, "ab"},
      {{{"guided_regex", "ab[0-9]{3}"}}, "ab"},
      {{{"structured_outputs", {{"regex", "ab*"}}}}, "a"}};
  for (const auto& [format, begin] : kTexts) {
    Json body = asked(3, format);
    body.erase("tools");
    EXPECT_THAT(choice_of(body)["message"]["content"].get<std::string>(),
                StartsWith(begin));
    body.erase("messages");
    body["prompt"] = "x";
    EXPECT_THAT(
        post("/v1/completions", body)["choices"][0]["text"].get<std::string>(),
        StartsWith(begin));
    EXPECT_THAT(post("/completion", body)["content"].get<std::string>(),
                StartsWith(begin));
  }
  Json body = sampled(2);
  body.update(
      {{"input", "Hi"},
       {"max_output_tokens", 2000},
       {"text",
        {{"format",
          {{"type", "json_schema"}, {"name", "a"}, {"schema", schema}}}}}});
  const Json answer = post("/v1/responses", body);
  check_call("get_weather",
             Json::parse(
                 answer["output"][0]["content"][0]["text"].get<std::string>()));
}

// Members come in the schema's order, which sorting would change.
TEST_F(ToolCallsTest, TheOrderOfASchemaIsKept) {
  const std::string body = R"({"messages": [{"role": "user", "content": "x"}],
      "max_tokens": 2000, "json_schema": {"type": "object", "properties":
      {"z": {"const": 1}, "b": {"const": 2}, "a": {"const": 3}},
      "required": ["a", "b", "z"], "additionalProperties": false}})";
  const std::string text =
      Json::parse(ask("POST", kCallsPath, body)
                      ->head.body)["choices"][0]["message"]["content"];
  EXPECT_LT(text.find("\"z\""), text.find("\"b\"")) << text;
  EXPECT_LT(text.find("\"b\""), text.find("\"a\"")) << text;
  const std::string prompt =
      Json::parse(ask("POST", "/apply-template", R"({"messages":
          [{"role": "user", "content": "x"}], "tools": [{"type": "function",
          "function": {"name": "f", "parameters": {"type": "object",
          "properties": {"z": {}, "b": {}}}}}]})")
                      ->head.body)["prompt"];
  EXPECT_LT(prompt.find("\"z\""), prompt.find("\"b\"")) << prompt;
}

TEST_F(ToolCallsTest, BadRulesAreRefusedByFieldAndPlace) {
  const Json bad = {{"type", "object"},
                    {"properties", {{"a", {{"type", "thing"}}}}}};
  const auto function = [](const Json& members) {
    return Json{{"tools", {{{"type", "function"}, {"function", members}}}}};
  };
  const std::vector<std::tuple<Json, std::string, std::string>> kBad = {
      {{{"response_format",
         {{"type", "json_schema"}, {"json_schema", {{"schema", bad}}}}}},
       "response_format.json_schema.schema",
       "#/properties/a"},
      {{{"guided_json", bad}}, "guided_json", "#/properties/a"},
      {{{"structured_outputs", {{"json", bad}}}},
       "structured_outputs.json",
       "#/properties/a"},
      {function({{"name", "f"}, {"parameters", bad}}),
       "tools[0].function.parameters", "#/properties/a"},
      {function({{"name", "f"}, {"parameters", {{"type", "array"}}}}),
       "tools[0].function.parameters", "#/type"},
      {function({{"name", "f"}, {"parameters", {{"not", Json::object()}}}}),
       "tools[0].function.parameters", ""},
      {function({{"name", "f g"}}), "tools[0].function.name", "letters"},
      {function({{"name", "f"}, {"strict", 1}}), "tools[0].function.strict",
       ""},
      {{{"grammar", "root ::= ("}}, "grammar", ""},
      {{{"guided_regex", "["}}, "guided_regex", ""},
      {{{"response_format", {{"type", "xml"}}}}, "response_format.type", "xml"},
      {{{"grammar", "root ::= \"a\""}, {"guided_regex", "a"}},
       "guided_regex",
       "beside grammar"},
      {{{"tools", Json::array()}, {"tool_choice", "required"}},
       "tool_choice",
       "no tools"},
      {{{"tool_choice", "sometimes"}}, "tool_choice", "sometimes"},
      {{{"tool_choice", {{"type", "function"}, {"function", {{"name", "x"}}}}}},
       "tool_choice.function.name",
       "none of the tools"},
      {{{"functions", {{{"name", "f"}}}}}, "functions", "tools"}};
  for (const auto& [fields, param, words] : kBad) {
    const Refusal refused = refusal(kCallsPath, asked(1, fields).dump());
    EXPECT_EQ(refused.status, 400) << fields << refused.message;
    EXPECT_EQ(refused.param, param) << fields << refused.message;
    EXPECT_THAT(refused.message, HasSubstr(words)) << fields;
  }
}

TEST_F(ToolCallsTest, ToolsAndResultsAreInThePrompt) {
  const Json conversation = {
      {{"role", "user"}, {"content", "Weather?"}},
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        {{{"id", "call_1"},
          {"type", "function"},
          {"function",
           {{"name", "now"}, {"arguments", "{\"z\": 1, \"a\": 2}"}}}}}}},
      {{"role", "tool"}, {"tool_call_id", "call_1"}, {"content", "noon"}}};
  const auto prompt = [&] {
    return post("/apply-template",
                {{"messages", conversation}, {"tools", tools()}})["prompt"]
        .get<std::string>();
  };
  EXPECT_THAT(prompt(), HasSubstr("get_weather"));
  EXPECT_THAT(prompt(), HasSubstr("<tool_call>now {\"z\": 1, \"a\": 2}"));
  EXPECT_THAT(prompt(), HasSubstr("<|tool|>\nnoon"));
  // A template without tools gets all of it as text.
  use_template(testing::kChatTemplate);
  EXPECT_THAT(prompt(), StartsWith("<|system|>\nYou can call"));
  EXPECT_THAT(prompt(), HasSubstr("get_weather"));
  EXPECT_THAT(prompt(), HasSubstr("<|assistant|>\n<tool_call>\n{\"name\": "
                                  "\"now\", \"arguments\": {\"z\": 1, "
                                  "\"a\": 2}}\n</tool_call>"));
  EXPECT_THAT(prompt(), HasSubstr("<|user|>\n<tool_response>\nnoon\n"));
  EXPECT_GE(choice_of(asked(
                1, {{"tool_choice", "required"}}))["message"]["tool_calls"]
                .size(),
            1u);
}

// The conversation that other routes describe is the same prompt.
TEST_F(ToolCallsTest, ResultsOfOtherRoutesAreReadTheSame) {
  const Json chat = {
      {{"role", "user"}, {"content", "Weather?"}},
      {{"role", "assistant"},
       {"content", ""},
       {"tool_calls",
        {{{"id", "c1"},
          {"type", "function"},
          {"function", {{"name", "now"}, {"arguments", "{}"}}}}}}},
      {{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "noon"}},
      {{"role", "user"}, {"content", "And?"}}};
  const Json turns = {
      {{"role", "user"}, {"content", "Weather?"}},
      {{"role", "assistant"},
       {"content",
        {{{"type", "tool_use"},
          {"id", "c1"},
          {"name", "now"},
          {"input", Json::object()}}}}},
      {{"role", "user"},
       {"content",
        {{{"type", "tool_result"}, {"tool_use_id", "c1"}, {"content", "noon"}},
         {{"type", "text"}, {"text", "And?"}}}}}};
  const Json items = {
      {{"role", "user"}, {"content", "Weather?"}},
      {{"type", "function_call"},
       {"call_id", "c1"},
       {"name", "now"},
       {"arguments", "{}"}},
      {{"type", "function_call_output"}, {"call_id", "c1"}, {"output", "noon"}},
      {{"role", "user"}, {"content", "And?"}}};
  // WordTokenizer reads every text as one token, so that the text decides
  // nothing here but whether the template takes it.
  use_template(std::string(testing::kCallingTemplate) +
               "{% if messages|length != 4 or messages[2].tool_call_id != 'c1' "
               "or messages[1].tool_calls[0].id != 'c1' %}"
               "{{ raise_exception('not the same') }}{% endif %}");
  post(kCallsPath, {{"messages", chat}, {"max_tokens", 2}});
  post("/v1/messages", {{"messages", turns}, {"max_tokens", 2}});
  post("/v1/responses", {{"input", items}, {"max_output_tokens", 2}});
}

// A special token that is a part of calls has no text. Text that a stop string
// holds back, and characters that are not whole yet, stand in front of it all
// the same.
TEST_F(ToolCallsTest, SpecialTokensOfCallsAreReadWhereTheyStand) {
  const auto tokenizer = std::make_shared<test::ByteTokenizer>(
      std::vector<std::string>{"</s>", "[TOOL_CALLS]"});
  context_.model.vocab_size =
      static_cast<std::int64_t>(tokenizer->vocab_size());
  const test::LogitTable table(context_.model.vocab_size, 31, 1);
  EngineParts parts;
  parts.target = std::make_shared<test::TableScorer>(table, 4096, 64);
  parts.draft = std::make_shared<test::TableScorer>(
      test::LogitTable::like(table, 2, 0.7f), 4096, 64);
  parts.tokenizer = tokenizer;
  parts.end_tokens = {256};
  serve(std::move(parts), tokenizer, {"model"});
  use_template("{% if tools %}[TOOL_CALLS][{% endif %}x");
  int calls = 0;
  int texts = 0;
  int stopped = 0;
  for (int seed = 0; seed < 40; ++seed) {
    const Json choice = choice_of(
        asked(seed, {{"max_tokens", 1500},
                     {"stop", {"ab", "aaac"}},
                     {"logit_bias", {{"256", 3}, {"257", 6}, {"97", 4}}}}));
    const Json& message = choice["message"];
    texts += message["content"].is_string();
    stopped += choice["finish_reason"] == "stop";
    if (!message.contains("tool_calls")) continue;
    ++calls;
    for (const Json& call : message["tool_calls"]) {
      EXPECT_EQ(call["id"].get<std::string>().size(), 9u);
      if (choice["finish_reason"] != "tool_calls") continue;
      check_call(call["function"]["name"],
                 Json::parse(call["function"]["arguments"].get<std::string>()));
    }
  }
  EXPECT_GT(calls, 5);
  EXPECT_GT(texts, 5);
  EXPECT_GT(stopped, 0);
}

TEST_F(ToolCallsTest, ACallThatBrokeOffGoesOn) {
  Json body = asked(
      2, {{"tool_choice",
           {{"type", "function"}, {"function", {{"name", "get_weather"}}}}},
          {"return_tokens", true}});
  const Json whole = post(kCallsPath, body)["choices"][0];
  const Json& call = whole["message"]["tool_calls"][0]["function"];
  const auto arguments = call["arguments"].get<std::string>();
  std::vector<int> tokens;
  for (const Json& token : whole["tokens"]) tokens.push_back(token["id"]);
  // The second time from inside of the arguments.
  for (const std::size_t kept : {std::size_t{1}, tokens.size() - 17}) {
    body["resume"]["tokens"] =
        std::vector<int>(tokens.begin(), tokens.begin() + kept);
    const Json rest = post(kCallsPath, body)["choices"][0];
    EXPECT_EQ(rest["finish_reason"], "tool_calls");
    const Json& more = rest["message"]["tool_calls"].at(0)["function"];
    EXPECT_TRUE(arguments.ends_with(more["arguments"].get<std::string>()));
    EXPECT_EQ(more["name"] == call["name"], kept == 1) << more;
  }
}

}  // namespace
}  // namespace pilotfish::server
