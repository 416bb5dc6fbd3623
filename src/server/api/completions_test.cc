#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "server/testing/api_fixture.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

constexpr const char* kPath = "/v1/completions";

class CompletionsTest : public ApiFixture {
 protected:
  static Json body(int seed, int tokens = 40) {
    return {{"prompt", {1, 8 + 8 * (seed % 2)}},
            {"max_tokens", tokens},
            {"temperature", 1.2},
            {"seed", seed},
            {"reproducible", true}};
  }
  // Joined deltas of each text.
  static std::map<int, std::string> joined(const std::vector<Json>& chunks) {
    std::map<int, std::string> texts;
    for (const Json& chunk : chunks) {
      for (const Json& choice : chunk["choices"]) {
        texts[choice["index"]] += choice["text"].get<std::string>();
      }
    }
    return texts;
  }
};

TEST_F(CompletionsTest, AnswersAsOpenAiDoes) {
  serve_tables();
  Json asked = body(3, 6);
  asked["ignore_eos"] = true;
  const Json json = post(kPath, asked);
  EXPECT_EQ(json["object"], "text_completion");
  EXPECT_EQ(json["id"], "cmpl-r1");
  EXPECT_EQ(json["model"], "toy");
  EXPECT_TRUE(json["created"].is_number_integer());
  EXPECT_THAT(json["system_fingerprint"].get<std::string>(),
              ::testing::MatchesRegex("fp_[0-9a-f]{16}"));
  ASSERT_EQ(json["choices"].size(), 1u);
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(json["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(json["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(json["usage"]["completion_tokens"], 6);
  EXPECT_EQ(json["usage"]["total_tokens"], 8);
  EXPECT_EQ(json["timings"]["predicted_n"], 6);
}

// For every window and cut by stop strings or not, a stream's deltas are valid
// UTF-8 (or they would be no JSON) and add up to the text without streaming.
TEST_F(CompletionsTest, AStreamSaysWhatTheWholeSays) {
  serve_tables();
  int stopped = 0;
  for (int seed = 0; seed < 40; ++seed) {
    const Json windows[] = {1, 2, 5, "auto"};
    Json asked = body(seed);
    if (seed % 2 == 0) asked["stop"] = {"ab a", "éb", "ba"};
    if (seed % 3 == 0) asked["logprobs"] = seed % 4;
    const Json plain = post(kPath, asked);
    const Json& choice = plain["choices"][0];
    stopped += choice["finish_reason"] == "stop";
    for (const Json& window : windows) {
      asked["speculative"] = {{"window", window}};
      asked.erase("stream");
      const Json whole = post(kPath, asked);
      EXPECT_EQ(whole["choices"], plain["choices"]) << seed;
      asked["stream_options"] = {{"include_usage", true}};
      const auto chunks = stream(kPath, asked);
      EXPECT_EQ(joined(chunks)[0], choice["text"]) << seed;
      Json scores = {{"tokens", Json::array()},
                     {"token_logprobs", Json::array()},
                     {"top_logprobs", Json::array()},
                     {"text_offset", Json::array()}};
      for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
        const Json& one = chunks[i]["choices"][0];
        const bool last = i + 2 == chunks.size();
        EXPECT_EQ(one["finish_reason"],
                  last ? choice["finish_reason"] : Json());
        EXPECT_EQ(chunks[i]["usage"], nullptr);
        EXPECT_EQ(chunks[i]["id"], chunks[0]["id"]);
        if (one["logprobs"].is_null()) continue;
        for (auto& [name, all] : scores.items()) {
          for (const Json& value : one["logprobs"][name]) all.push_back(value);
        }
      }
      if (!choice["logprobs"].is_null()) {
        EXPECT_EQ(scores, choice["logprobs"]) << seed;
      }
      EXPECT_EQ(chunks.back()["choices"], Json::array());
      EXPECT_EQ(chunks.back()["usage"]["total_tokens"],
                whole["usage"]["total_tokens"]);
      asked.erase("stream_options");
    }
  }
  EXPECT_GT(stopped, 10);
}

TEST_F(CompletionsTest, AStreamEndsWithDone) {
  serve_tables();
  Json asked = body(1, 3);
  asked["stream"] = true;
  const auto exchange = ask("POST", kPath, asked.dump());
  EXPECT_EQ(exchange->head.content_type, "text/event-stream");
  EXPECT_TRUE(exchange->written.ends_with("\n\ndata: [DONE]\n\n"));
  for (const Json& chunk : testing::chunks_of(exchange->written)) {
    EXPECT_FALSE(chunk.contains("usage"));
  }
}

// Log-probabilities are of the text, and of nothing behind it.
TEST_F(CompletionsTest, LogprobsGoWithTheirText) {
  serve_tables();
  int cut = 0;
  for (int seed = 0; seed < 60; ++seed) {
    Json asked = body(seed, 30);
    asked["logprobs"] = 2;
    asked["stop"] = {"aab", "b b"};
    const Json json = post(kPath, asked);
    const Json& choice = json["choices"][0];
    const auto text = choice["text"].get<std::string>();
    const Json& scores = choice["logprobs"];
    std::string spelled;
    for (std::size_t i = 0; i < scores["tokens"].size(); ++i) {
      spelled += scores["tokens"][i];
      EXPECT_LE(scores["token_logprobs"][i], 0.0);
      EXPECT_GE(scores["token_logprobs"][i], -9999.0);
      EXPECT_TRUE(scores["top_logprobs"][i].contains(
          scores["tokens"][i].get<std::string>()));
      EXPECT_LE(scores["top_logprobs"][i].size(), 3u);
    }
    if (text.find("\u00E9") == std::string::npos &&
        spelled.find("\uFFFD") == std::string::npos) {
      // A token may begin in the text and end in the stop string.
      EXPECT_TRUE(spelled.starts_with(text)) << json;
      EXPECT_LE(spelled.size(), text.size() + 1);
    }
    const bool stopped = choice["finish_reason"] == "stop";
    cut += stopped;
    const int generated = json["usage"]["completion_tokens"];
    if (stopped) {
      EXPECT_LT(std::ssize(scores["tokens"]), generated);
    } else {
      EXPECT_EQ(std::ssize(scores["tokens"]), generated);
    }
  }
  EXPECT_GT(cut, 10);
}

TEST_F(CompletionsTest, SeveralTextsForSeveralPrompts) {
  serve_tables();
  Json asked = {{"prompt", {{1, 4}, {1, 5, 6}}},
                {"n", 2},
                {"seed", 7},
                {"max_tokens", 12},
                {"temperature", 1},
                {"reproducible", true},
                {"ignore_eos", true}};
  const Json json = post(kPath, asked);
  ASSERT_EQ(json["choices"].size(), 4u);
  EXPECT_EQ(json["usage"]["prompt_tokens"], 5);
  EXPECT_EQ(json["usage"]["completion_tokens"], 48);
  const auto texts = joined(stream(kPath, asked));
  for (int i = 0; i < 4; ++i) {
    const Json& choice = json["choices"][i];
    EXPECT_EQ(choice["index"], i);
    EXPECT_EQ(texts.at(i), choice["text"]);
    // Each is what its own seed gives alone.
    const Json alone = post(kPath, {{"prompt", asked["prompt"][i / 2]},
                                    {"seed", 7 + i % 2},
                                    {"max_tokens", 12},
                                    {"temperature", 1},
                                    {"reproducible", true},
                                    {"ignore_eos", true}});
    EXPECT_EQ(alone["choices"][0]["text"], choice["text"]);
  }
}

TEST_F(CompletionsTest, EchoPutsThePromptInFront) {
  serve_stories();
  Json asked = {{"prompt", "Once upon a time"}, {"max_tokens", 8}};
  const std::string text = post(kPath, asked)["choices"][0]["text"];
  asked["echo"] = true;
  const std::string echoed = "Once upon a time" + text;
  EXPECT_EQ(post(kPath, asked)["choices"][0]["text"], echoed);
  EXPECT_EQ(joined(stream(kPath, asked)).at(0), echoed);
}

// What programs that evaluate models ask for. The prompt is in the cache, which
// does not matter.
TEST_F(CompletionsTest, EchoWithLogprobsScoresThePrompt) {
  serve_stories();
  const auto model =
      load_on_one_thread(test::source_dir() / "models/pilotfish-stories");
  const std::string text = "Once upon a time, Tim saw a Grüße 🐟 and a";
  const std::vector<Token> tokens = context_.tokenizer->encode(text);
  const Score expected =
      score(*model, tokens, {.kv_dtype = EngineOptions().kv_dtype});
  post(kPath, {{"prompt", text}, {"max_tokens", 1}});
  for (const int most : {0, 1, 5}) {
    for (const Json& prompt : {Json(text), Json(tokens)}) {
      Json asked = {{"prompt", prompt}, {"max_tokens", most},
                    {"echo", true},     {"logprobs", 2},
                    {"n", 2},           {"seed", 1}};
      const Json json = post(kPath, asked);
      EXPECT_EQ(json["usage"]["completion_tokens"], 2 * most);
      const Json& choice = json["choices"][1];
      EXPECT_EQ(choice["finish_reason"], "length");
      EXPECT_TRUE(choice["text"].get<std::string>().starts_with(text));
      const Json& scores = choice["logprobs"];
      ASSERT_EQ(scores["tokens"].size(), tokens.size() + most);
      EXPECT_EQ(scores["token_logprobs"][0], nullptr);
      EXPECT_EQ(scores["top_logprobs"][0], nullptr);
      std::string spelled;
      for (std::size_t i = 1; i < tokens.size(); ++i) {
        EXPECT_DOUBLE_EQ(scores["token_logprobs"][i],
                         expected.log_probabilities[i - 1]);
        EXPECT_GE(scores["top_logprobs"][i].size(), 1u);
        EXPECT_GE(scores["text_offset"][i], scores["text_offset"][i - 1]);
      }
      // The token that begins there, and the first that was generated.
      const auto at =
          static_cast<std::size_t>(std::ranges::find(scores["tokens"], " Tim") -
                                   scores["tokens"].begin());
      ASSERT_LT(at, tokens.size());
      EXPECT_EQ(scores["text_offset"][at], 17);
      if (most > 0) {
        EXPECT_EQ(scores["text_offset"][tokens.size()], 41);
      }
      // Streamed, it is the same, the prompt before the rest.
      Json streamed = {{"tokens", Json::array()},
                       {"token_logprobs", Json::array()},
                       {"top_logprobs", Json::array()},
                       {"text_offset", Json::array()}};
      const auto chunks = stream(kPath, asked);
      for (const Json& chunk : chunks) {
        if (chunk["choices"][0]["index"] != 1) continue;
        for (auto& [name, all] : streamed.items()) {
          for (const Json& value : chunk["choices"][0]["logprobs"][name]) {
            all.push_back(value);
          }
        }
      }
      EXPECT_EQ(streamed, scores);
      EXPECT_EQ(joined(chunks).at(1), choice["text"]);
    }
  }
  // The token that ends a text has one too here, so that the prompt's are all
  // but as many as were generated.
  const Json ended = post(kPath, {{"prompt", text},
                                  {"max_tokens", 1},
                                  {"echo", true},
                                  {"logprobs", 0},
                                  {"logit_bias", {{"2", 1000}}}});
  EXPECT_EQ(ended["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(ended["choices"][0]["logprobs"]["tokens"].size(),
            tokens.size() + 1);
}

TEST_F(CompletionsTest, NoTextMayBeWanted) {
  serve_tables();
  for (const bool echo : {false, true}) {
    Json asked = {{"prompt", {1, 8, 16}},
                  {"max_tokens", 0},
                  {"return_tokens", true},
                  {"echo", echo}};
    const Json json = post(kPath, asked);
    EXPECT_EQ(json["choices"][0]["text"], echo ? "aa" : "");
    EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(json["choices"][0]["tokens"], Json::array());
    EXPECT_EQ(json["usage"]["prompt_tokens"], 3);
    EXPECT_EQ(json["usage"]["completion_tokens"], 0);
    EXPECT_EQ(json["timings"]["predicted_n"], 0);
    EXPECT_EQ(joined(stream(kPath, asked)).at(0), json["choices"][0]["text"]);
  }
}

// Where it shows only later that a request's parameters leave no token, the
// request is told so, as of any other bad value.
TEST_F(CompletionsTest, ParametersThatLeaveNoTokenAreTheRequestsFault) {
  serve_stories();
  const Token the = context_.tokenizer->find("▁the").value();
  Json asked = {{"prompt", "Once upon a time"},
                {"allowed_tokens", {the}},
                {"bad_words", {" the the"}}};
  const Refusal refused = refusal(kPath, asked.dump());
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.message, ::testing::HasSubstr("no token can come next"));
  // The first token may be on its way, or not yet; TextRunTest has each in
  // turn.
  asked["stream"] = true;
  const auto exchange = ask("POST", kPath, asked.dump());
  const Json error =
      exchange->began
          ? testing::events_of(exchange->written).back().data["error"]
          : Json::parse(exchange->head.body)["error"];
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["message"], refused.message);
  // It cannot be known of the set alone, but before the first token.
  asked["bad_words"] = {" the"};
  EXPECT_EQ(refusal(kPath, asked.dump()).status, 400);
}

TEST_F(CompletionsTest, TextAndIdsOfItAreOnePrompt) {
  serve_stories();
  const std::string text = "Lily had a red ball.";
  const Json tokens =
      post("/tokenize", {{"content", text}, {"add_special", true}})["tokens"];
  const Json by_text = post(kPath, {{"prompt", text}, {"max_tokens", 20}});
  const Json by_ids = post(kPath, {{"prompt", tokens}, {"max_tokens", 20}});
  EXPECT_EQ(by_text["choices"], by_ids["choices"]);
  // The second finds the first's prompt in the cache.
  EXPECT_EQ(by_text["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_GT(by_ids["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(by_ids["timings"]["cache_n"],
            by_ids["usage"]["prompt_tokens_details"]["cached_tokens"]);
}

TEST_F(CompletionsTest, GreedyTextIsTheEnginesWithOrWithoutSpeculation) {
  serve_stories();
  Engine engine(Model::load(test::source_dir() / "models/pilotfish-stories"),
                nullptr, context_.tokenizer, {.n_positions = 512});
  Request request;
  request.prompt = context_.tokenizer->encode("The cat sat on");
  request.max_tokens = 60;
  const std::string text = engine.generate(request).text;
  for (const Json& speculative :
       {Json(), Json(false), Json{{"window", 4}}, Json{{"drafter", "none"}}}) {
    const Json json = post(kPath, {{"prompt", "The cat sat on"},
                                   {"max_tokens", 60},
                                   {"speculative", speculative}});
    EXPECT_EQ(json["choices"][0]["text"], text) << speculative;
    if (speculative == false) {
      EXPECT_EQ(json["timings"]["draft_n"], 0);
    }
  }
}

// OpenAI's counts are of the prediction that was given; llama.cpp's are of all
// that was drafted.
TEST_F(CompletionsTest, PredictionsAreCountedApartFromOtherDrafts) {
  serve_stories({"prediction", "suffix", "model"});
  const Json asked = {{"prompt", "Once upon a time"},
                      {"max_tokens", 60},
                      {"speculative", {{"window", 5}}}};
  const std::string text = post(kPath, asked)["choices"][0]["text"];
  struct Counts {
    int accepted, rejected, drafted;
  };
  const auto counts = [&](const Json& prediction) {
    Json with = asked;
    if (!prediction.is_null()) {
      with["prediction"] = {{"type", "content"}, {"content", prediction}};
    }
    const Json json = post(kPath, with);
    EXPECT_EQ(json["choices"][0]["text"], text);
    const Json& details = json["usage"]["completion_tokens_details"];
    return Counts{details["accepted_prediction_tokens"],
                  details["rejected_prediction_tokens"],
                  json["timings"]["draft_n"]};
  };
  const Counts none = counts(nullptr);
  EXPECT_EQ(none.accepted, 0);
  EXPECT_EQ(none.rejected, 0);
  EXPECT_GT(none.drafted, 0);
  const Counts right = counts(text);
  EXPECT_GT(right.accepted, 30);
  EXPECT_LE(right.accepted, 60);
  // Behind the half that is predicted others draft.
  const Counts half = counts(text.substr(0, text.size() / 2));
  EXPECT_GT(half.accepted, 10);
  EXPECT_LT(half.accepted, right.accepted);
  EXPECT_GT(half.drafted, half.accepted + half.rejected);
  int rejected = 0;
  for (const std::size_t right_bytes : {14, 20, 26}) {
    rejected +=
        counts(text.substr(0, right_bytes) + " a xylophone. The end.").rejected;
  }
  EXPECT_GT(rejected, 0);
}

// A client that lost its server in the middle of a text asks for the rest.
TEST_F(CompletionsTest, AStreamThatBrokeOffGoesOn) {
  serve_tables();
  for (int seed = 0; seed < 12; ++seed) {
    Json asked = body(seed, 30);
    asked["return_tokens"] = true;
    asked["stop"] = "abab";
    const auto chunks = stream(kPath, asked);
    const std::string whole = joined(chunks).at(0);
    Json tokens = Json::array();
    std::string read;
    for (std::size_t i = 0; i + 3 < chunks.size() && i < 6; ++i) {
      const Json& choice = chunks[i]["choices"][0];
      read += choice["text"];
      for (const Json& token : choice.at("tokens"))
        tokens.push_back(token["id"]);
    }
    Json rest = asked;
    rest["resume"] = {{"tokens", tokens}};
    EXPECT_EQ(read + joined(stream(kPath, rest)).at(0), whole) << seed;
  }
}

TEST_F(CompletionsTest, TokensComeWithTheirTextAndOriginAPassAtATime) {
  serve_tables();
  Json asked = body(5, 40);
  asked["return_tokens"] = true;
  asked["speculative"] = {{"window", 4}};
  const Json whole = post(kPath, asked);
  std::string spelled;
  for (const Json& token : whole["choices"][0]["tokens"]) {
    spelled += token["text"].get<std::string>();
  }
  EXPECT_EQ(spelled, whole["choices"][0]["text"]);
  Json streamed = Json::array();
  Json passes = Json::array();
  int accepted = 0;
  std::string text;
  for (const Json& chunk : stream(kPath, asked)) {
    const Json& choice = chunk["choices"][0];
    const Json tokens = choice.value("tokens", Json::array());
    std::string words;
    EXPECT_EQ(choice.contains("pass"), !tokens.empty());
    if (choice.contains("pass")) {
      passes.push_back(choice["pass"]);
      EXPECT_EQ(choice["pass"]["emitted"], tokens.size());
      EXPECT_LE(choice["pass"]["accepted"], choice["pass"]["drafted"]);
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool drafted = tokens[i]["origin"] == "accepted";
      EXPECT_EQ(tokens[i].contains("p"), drafted);
      EXPECT_EQ(tokens[i].contains("q"), drafted);
      streamed.push_back(tokens[i]);
      words += tokens[i]["text"];
      const bool last = i + 1 == tokens.size();
      accepted += tokens[i]["origin"] == "accepted";
      EXPECT_TRUE(last || tokens[i]["origin"] == "accepted");
    }
    EXPECT_TRUE(choice["text"].get<std::string>().starts_with(words));
    text += choice["text"];
  }
  EXPECT_GT(accepted, 5);
  EXPECT_EQ(text, whole["choices"][0]["text"]);
  ASSERT_EQ(passes.size(), whole["choices"][0]["passes"].size());
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const Json& pass = whole["choices"][0]["passes"][i];
    for (const char* name : {"drafted", "places", "accepted", "emitted"}) {
      EXPECT_EQ(passes[i][name], pass[name]) << name;
    }
  }
  EXPECT_EQ(streamed, whole["choices"][0]["tokens"]);
}

// A known field with a bad value names itself. Unknown ones do no harm.
TEST_F(CompletionsTest, WrongValuesNameTheirField) {
  serve_tables();
  Json good = body(1, 2);
  good["some_new_field"] = {{"x", 1}};
  good["user"] = "me";
  good["tool_choice"] = "auto";
  post(kPath, good);
  const std::vector<std::pair<std::string, std::vector<Json>>> kBad = {
      {"model", {1, Json::array()}},
      {"prompt", {nullptr, 1, true, Json::object(), Json::array(), {{1}, {}}}},
      {"max_tokens", {-2, 1.5, "9", true, 1e30}},
      {"temperature", {-0.1, "hot", false}},
      {"top_p", {0, 1.1, -1, "x"}},
      {"top_k", {-2, 1.5, "x"}},
      {"min_p", {-0.1, 1.1, "x"}},
      {"typical_p", {0, 2}},
      {"repetition_penalty", {0, -1, "x"}},
      {"repeat_penalty", {0}},
      {"frequency_penalty", {"x"}},
      {"presence_penalty", {Json::array()}},
      {"penalty_window", {-2}},
      {"min_tokens", {-1, 0.5}},
      {"seed", {"x", 1.5, true}},
      {"n", {0, -1, 65, "x", 1.5}},
      {"best_of", {2, "x"}},
      {"stop", {1, true, "", {""}, Json::object()}},
      {"stop_token_ids", {"x", {99}}},
      {"stream", {1, "true"}},
      {"stream_options", {1}},
      {"echo", {1}},
      {"logprobs", {true, -1, 101, "x"}},
      {"logit_bias",
       {1, {{"x", 1}}, {{"-1", 1}}, {{"1", "x"}}, {{"99", 1}}, {{"1", 1e300}}}},
      {"bad_words", {1, {""}}},
      {"allowed_tokens", {{99}, "x"}},
      {"ignore_eos", {1}},
      {"suffix", {"end"}},
      {"speculative", {1, "x"}},
      {"acceptor", {1, "none", "./evil.so", "/tmp/evil.so"}},
      {"reproducible", {1}},
      {"prediction", {1}},
      {"resume", {1}},
      {"priority", {"x", 1e12}},
      {"cache_salt", {1}},
      {"return_tokens", {1}},
      {"response_format", {1}},
      {"tools", {{{{"type", "function"}}}}},
      {"tool_choice", {"required", {{"type", "function"}}, 1}},
      {"grammar", {1, "root ::= x"}},
      {"guided_regex", {1, "("}},
      {"guided_choice", {1, Json::array(), {1}}},
      {"json_schema", {1, {{"type", "no"}}}},
      {"guided_json", {1, "{", {{"type", "no"}}}}};
  for (const auto& [name, values] : kBad) {
    for (const Json& value : values) {
      Json asked = body(1, 2);
      asked[name] = value;
      const Refusal refused = refusal(kPath, asked.dump());
      EXPECT_NE(refused.status, 200) << name << " " << value;
      EXPECT_TRUE(refused.param == name ||
                  refused.param.starts_with(name + "["))
          << name << " " << value << ": " << refused.param << ": "
          << refused.message;
    }
  }
}

TEST_F(CompletionsTest, WrongValuesInsideOfAFieldNameTheirPlace) {
  serve_tables();
  const std::vector<std::pair<Json, std::string>> kBad = {
      {{{"speculative", {{"window", 0}}}}, "speculative.window"},
      {{{"speculative", {{"window", "x"}}}}, "speculative.window"},
      {{{"speculative", {{"drafter", "x"}}}}, "speculative.drafter"},
      {{{"speculative", {{"drafter", "suffix"}}}}, "speculative.drafter"},
      {{{"speculative", {{"tree_width", 2}}}}, "speculative.tree_width"},
      {{{"resume", {{"tokens", {99}}}}}, "resume.tokens"},
      {{{"resume", {{"tokens", "x"}}}}, "resume.tokens"},
      {{{"prediction", {{"type", "x"}}}}, "prediction.type"},
      {{{"prediction", {{"type", "content"}, {"content", 1}}}},
       "prediction.content"},
      {{{"stream_options", {{"include_usage", 1}}}},
       "stream_options.include_usage"},
      {{{"acceptor", "block"}}, "reproducible"},
      {{{"model", "other"}}, "model"}};
  for (const auto& [fields, param] : kBad) {
    Json asked = body(1, 2);
    asked.update(fields);
    EXPECT_EQ(refusal(kPath, asked.dump()).param, param) << fields;
  }
  EXPECT_EQ(refusal(kPath, R"({"prompt": "a", "model": "other"})").status, 404);
  EXPECT_EQ(refusal(kPath, "{").status, 400);
  Json asked = body(1);
  asked["prompt"] = Json(std::vector<int>(128, 3));
  EXPECT_EQ(refusal(kPath, asked.dump()).code, "context_length_exceeded");
}

TEST_F(CompletionsTest, ParametersAreObeyed) {
  serve_tables();
  Json asked = body(4, 20);
  asked["ignore_eos"] = true;
  const std::string base = post(kPath, asked)["choices"][0]["text"];
  const auto with = [&](const Json& fields) {
    Json other = asked;
    other.update(fields);
    return post(kPath, other)["choices"][0];
  };
  EXPECT_EQ(with({{"speculative", false}})["text"], base);
  for (const Json& fields :
       {Json{{"temperature", 0}}, Json{{"seed", 5}}, Json{{"top_k", 1}},
        Json{{"top_p", 0.1}}, Json{{"min_p", 0.9}}, Json{{"typical_p", 0.05}},
        Json{{"frequency_penalty", 5}}, Json{{"presence_penalty", 5}},
        Json{{"repetition_penalty", 9}}, Json{{"logit_bias", {{"3", 50}}}}}) {
    EXPECT_NE(with(fields)["text"], base) << fields;
  }
  EXPECT_EQ(with({{"allowed_tokens", {8}}})["text"], std::string(20, 'a'));
  EXPECT_EQ(with({{"logit_bias", Json::array({{9, 1000}})}})["text"],
            std::string(20, 'b'));
  EXPECT_EQ(with({{"max_tokens", 200}})["finish_reason"], "length");
  EXPECT_EQ(with({{"top_k", -1}})["text"], base);
  EXPECT_EQ(with({{"stop_token_ids", {8}}, {"allowed_tokens", {8}}})["text"],
            "");
}

}  // namespace
}  // namespace pilotfish::server
