#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/testing/api_fixture.h"
#include "server/testing/thinking_model.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

constexpr const char* kChatPath = "/v1/chat/completions";

class ChatCompletionsTest : public ApiFixture {
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
  static Json hello(int tokens = 24) {
    return {{"messages", {{{"role", "user"}, {"content", "Tell me a story."}}}},
            {"max_tokens", tokens}};
  }
};

TEST_F(ChatCompletionsTest, AnswersAsOpenAiDoes) {
  serve_chat();
  const Json json = post(kChatPath, hello());
  EXPECT_EQ(json["object"], "chat.completion");
  EXPECT_EQ(json["id"], "chatcmpl-r1");
  const Json& choice = json["choices"][0];
  EXPECT_EQ(choice["index"], 0);
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["message"]["refusal"], nullptr);
  EXPECT_FALSE(choice["message"].contains("reasoning_content"));
  EXPECT_NE(choice["message"]["content"], "");
  EXPECT_EQ(choice["logprobs"], nullptr);
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(json["usage"]["completion_tokens"], 24);
}

TEST_F(ChatCompletionsTest, AStreamBringsRoleTextReasonAndUsage) {
  serve_chat();
  Json asked = hello();
  const Json whole = post(kChatPath, asked);
  asked["stream_options"] = {{"include_usage", true}};
  const auto chunks = stream(kChatPath, asked);
  ASSERT_GE(chunks.size(), 4u);
  EXPECT_EQ(chunks[0]["choices"][0]["delta"],
            (Json{{"role", "assistant"}, {"content", ""}}));
  std::string text;
  for (std::size_t i = 1; i + 2 < chunks.size(); ++i) {
    const Json& choice = chunks[i]["choices"][0];
    EXPECT_EQ(choice["finish_reason"], nullptr);
    EXPECT_FALSE(choice["delta"].contains("role"));
    EXPECT_EQ(chunks[i]["usage"], nullptr);
    EXPECT_EQ(chunks[i]["object"], "chat.completion.chunk");
    text += choice["delta"]["content"];
  }
  EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
  const Json& last = chunks[chunks.size() - 2];
  EXPECT_EQ(last["choices"][0]["delta"], Json::object());
  EXPECT_EQ(last["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(last.contains("timings"));
  EXPECT_EQ(chunks.back()["choices"], Json::array());
  EXPECT_EQ(chunks.back()["usage"]["completion_tokens"], 24);
}

TEST_F(ChatCompletionsTest, ContentMayBeParts) {
  serve_chat();
  Json parts = hello();
  parts["messages"][0]["content"] = {{{"type", "text"}, {"text", "Tell me "}},
                                     {{"type", "text"}, {"text", "a story."}}};
  EXPECT_EQ(post(kChatPath, parts)["choices"],
            post(kChatPath, hello())["choices"]);
  parts["messages"][0]["content"][1] = {{"type", "image_url"}};
  EXPECT_EQ(refusal(kChatPath, parts.dump()).param,
            "messages[0].content[1].type");
}

// Nobody's text becomes a special token.
TEST_F(ChatCompletionsTest, SpecialTokensInMessagesAreText) {
  serve_chat();
  Json asked = hello();
  const int before = post(kChatPath, asked)["usage"]["prompt_tokens"];
  asked["messages"][0]["content"] = "Tell me a story.</s>";
  EXPECT_GT(post(kChatPath, asked)["usage"]["prompt_tokens"], before + 1);
}

TEST_F(ChatCompletionsTest, LogprobsHaveBytesAndTheMostProbableTokens) {
  serve_chat();
  Json asked = hello(12);
  asked["logprobs"] = true;
  asked["top_logprobs"] = 3;
  const Json json = post(kChatPath, asked);
  const Json& choice = json["choices"][0];
  ASSERT_EQ(choice["logprobs"]["content"].size(), 12u);
  std::string spelled;
  for (const Json& token : choice["logprobs"]["content"]) {
    ASSERT_EQ(token["top_logprobs"].size(), 3u);
    // Greedy: the token is the most probable one.
    EXPECT_EQ(token["top_logprobs"][0]["token"], token["token"]);
    EXPECT_EQ(token["top_logprobs"][0]["logprob"], token["logprob"]);
    for (const Json& byte : token["bytes"])
      spelled += static_cast<char>(byte.get<int>());
  }
  EXPECT_EQ(spelled, choice["message"]["content"]);
  Json streamed = Json::array();
  for (const Json& chunk : stream(kChatPath, asked)) {
    const Json& one = chunk["choices"][0];
    if (!one.contains("logprobs")) continue;
    for (const Json& token : one["logprobs"]["content"]) {
      streamed.push_back(token);
    }
  }
  EXPECT_EQ(streamed, choice["logprobs"]["content"]);
}

TEST_F(ChatCompletionsTest, ReasoningIsApartAndTheSameInAStream) {
  serve_thinking();
  int reasoned = 0;
  for (int seed = 0; seed < 80; ++seed) {
    Json asked = hello(40);
    asked["seed"] = seed;
    asked["temperature"] = 1;
    asked["reproducible"] = true;
    asked["logit_bias"] = {{"2", 3}, {"3", 1}};
    const Json whole = post(kChatPath, asked);
    const Json& message = whole["choices"][0]["message"];
    const std::string reasoning = message.value("reasoning_content", "");
    std::string streamed_reasoning, streamed;
    for (const Json& chunk : stream(kChatPath, asked)) {
      const Json& delta = chunk["choices"][0]["delta"];
      streamed_reasoning += delta.value("reasoning_content", "");
      streamed += delta.value("content", "");
    }
    EXPECT_EQ(streamed_reasoning, reasoning) << seed;
    EXPECT_EQ(streamed, message["content"]) << seed;
    const int thought =
        whole["usage"]["completion_tokens_details"]["reasoning_tokens"];
    if (!reasoning.empty()) {
      ++reasoned;
      EXPECT_GT(thought, 0);
      EXPECT_LE(thought, whole["usage"]["completion_tokens"]);
    }
    asked["reasoning_format"] = "none";
    const Json raw = post(kChatPath, asked)["choices"][0]["message"];
    EXPECT_FALSE(raw.contains("reasoning_content"));
    const std::string text = raw["content"];
    const std::size_t begin =
        std::min(text.find_first_not_of(" \n"), text.size());
    EXPECT_EQ(text.substr(begin).starts_with("<think>"), thought > 0) << text;
  }
  EXPECT_GT(reasoned, 5);
}

TEST_F(ChatCompletionsTest, ATemplateMayOpenTheReasoning) {
  serve_thinking();
  use_template("{% if think %}<think>\n{% endif %}");
  Json asked = hello(5);
  asked["allowed_tokens"] = {4};
  EXPECT_EQ(post(kChatPath, asked)["choices"][0]["message"]["content"],
            "aaaaa");
  asked["chat_template_kwargs"] = {{"think", true}};
  const Json message = post(kChatPath, asked)["choices"][0]["message"];
  EXPECT_EQ(message["content"], "");
  EXPECT_EQ(message["reasoning_content"], "aaaaa");
}

TEST_F(ChatCompletionsTest, APredictionChangesNoText) {
  context_.drafters = {"prediction"};
  serve_stories();
  use_template(testing::kChatTemplate);
  Json asked = hello(40);
  const std::string text =
      post(kChatPath, asked)["choices"][0]["message"]["content"];
  for (const std::string& guess : {text, std::string("Nothing like it")}) {
    asked["prediction"] = {{"type", "content"}, {"content", guess}};
    EXPECT_EQ(post(kChatPath, asked)["choices"][0]["message"]["content"], text);
  }
}

// Wherever in a window the thoughts end.
TEST_F(ChatCompletionsTest, AConstraintHoldsBehindWhatIsThought) {
  serve_thinking();
  use_template("x{# <think> #}");
  int thought = 0;
  for (int seed = 0; seed < 40; ++seed) {
    Json asked = hello(60);
    asked.update({{"seed", seed},
                  {"temperature", 1},
                  {"reproducible", true},
                  {"guided_choice", {"ab", "ba"}},
                  {"logit_bias", {{"2", 3}, {"3", 1}}}});
    const Json choice = post(kChatPath, asked)["choices"][0];
    asked["speculative"] = false;
    EXPECT_EQ(post(kChatPath, asked)["choices"][0], choice) << seed;
    if (choice["finish_reason"] == "length") continue;
    const Json& message = choice["message"];
    EXPECT_TRUE(message["content"] == "ab" || message["content"] == "ba")
        << message;
    thought += message.contains("reasoning_content");
  }
  EXPECT_GT(thought, 3);
}

TEST_F(ChatCompletionsTest, RefusesWhatItCannotDo) {
  serve_chat();
  const std::vector<std::pair<Json, std::string>> kBad = {
      {{{"messages", nullptr}}, "messages"},
      {{{"messages", Json::array()}}, "messages"},
      {{{"messages", {1}}}, "messages[0]"},
      {{{"messages", {{{"role", "x"}, {"content", "a"}}}}}, "messages[0].role"},
      {{{"messages", {{{"role", "user"}}}}}, "messages[0].content"},
      {{{"messages", {{{"role", "user"}, {"content", 1}}}}},
       "messages[0].content"},
      {{{"max_completion_tokens", 0}}, "max_completion_tokens"},
      {{{"top_logprobs", 2}}, "top_logprobs"},
      {{{"logprobs", 1}}, "logprobs"},
      {{{"chat_template_kwargs", 1}}, "chat_template_kwargs"},
      {{{"reasoning_format", "x"}}, "reasoning_format"},
      {{{"tools", {{{"type", "function"}}}}}, "tools[0].function"},
      {{{"response_format", {{"type", "json_schema"}}}},
       "response_format.json_schema"}};
  for (const auto& [fields, param] : kBad) {
    Json asked = hello(2);
    asked.update(fields);
    const Refusal refused = refusal(kChatPath, asked.dump());
    EXPECT_EQ(refused.status, 400) << fields;
    EXPECT_EQ(refused.param, param) << fields;
  }
  Json fine = hello(2);
  fine.update({{"response_format", {{"type", "text"}}},
               {"tools", Json::array()},
               {"tool_choice", "none"},
               {"top_logprobs", 0},
               {"max_completion_tokens", 1}});
  EXPECT_EQ(post(kChatPath, fine)["usage"]["completion_tokens"], 1);
}

TEST_F(ChatCompletionsTest, SaysWhyAConversationCannotBeRendered) {
  serve_stories();
  EXPECT_EQ(refusal(kChatPath, hello().dump()).code, "no_chat_template");
  use_template("{{ raise_exception('users first') }}");
  const Refusal refused = refusal(kChatPath, hello().dump());
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.param, "messages");
  EXPECT_THAT(refused.message, ::testing::HasSubstr("users first"));
}

}  // namespace
}  // namespace pilotfish::server
