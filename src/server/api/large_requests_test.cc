// Requests that take long to read hold up nobody else.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/testing/api_fixture.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

// As ToyTokenizer; a text that begins with "wait" waits.
class PatientTokenizer final : public Tokenizer {
 public:
  explicit PatientTokenizer(std::size_t words) : toy_(words) {}

  std::vector<Token> encode(std::string_view text,
                            const EncodeOptions& options) const override {
    ++encoded;
    if (text.starts_with("wait")) goes_on_.wait();
    return toy_.encode(text, options);
  }
  std::string decode(std::span<const Token> tokens,
                     bool skip_special) const override {
    return toy_.decode(tokens, skip_special);
  }
  std::size_t vocab_size() const override { return toy_.vocab_size(); }
  std::string_view token_text(Token token) const override {
    return toy_.token_text(token);
  }
  std::optional<Token> find(std::string_view text) const override {
    return toy_.find(text);
  }
  bool is_special(Token token) const override { return toy_.is_special(token); }
  std::optional<Token> bos() const override { return toy_.bos(); }
  std::optional<Token> eos() const override { return toy_.eos(); }
  const std::string& chat_template() const override {
    return toy_.chat_template();
  }

  std::promise<void> may_go_on;
  mutable std::atomic<int> encoded = 0;

 private:
  std::shared_future<void> goes_on_ = may_go_on.get_future().share();
  pilotfish::testing::ToyTokenizer toy_;
};

const std::string kPadding(100'000, 'x');

class LargeRequests : public ApiFixture {
 protected:
  // Serves tables with a tokenizer that waits.
  std::shared_ptr<PatientTokenizer> serve_patiently() {
    constexpr std::int64_t kWords = 24;
    auto tokenizer = std::make_shared<PatientTokenizer>(kWords);
    EngineParts parts;
    parts.target = std::make_shared<test::TableScorer>(
        test::LogitTable(kWords, 11, 1), 128, 64);
    parts.tokenizer = tokenizer;
    parts.end_tokens = {2};
    context_.model.vocab_size = kWords;
    serve(std::move(parts), tokenizer, {});
    return tokenizer;
  }
};

TEST_F(LargeRequests, AreAnsweredAsOthersAre) {
  serve_tables();
  use_template(testing::kChatTemplate);
  const Json messages = {{{"role", "user"}, {"content", "ab"}}};
  for (auto [path, body] : std::vector<std::pair<std::string, Json>>{
           {"/v1/completions", {{"prompt", {1, 8}}}},
           {"/v1/chat/completions", {{"messages", messages}}},
           {"/completion", {{"prompt", {1, 8}}}}}) {
    body.update({{"max_tokens", 20},
                 {"temperature", 1},
                 {"seed", 1},
                 {"reproducible", true}});
    const auto text_of = [](const Json& json) {
      return json.contains("content") ? json["content"] : json["choices"];
    };
    const Json small = post(path, body);
    body["padding"] = kPadding;
    EXPECT_EQ(text_of(post(path, body)), text_of(small)) << path;
    EXPECT_GT(stream(path, body).size(), 1u) << path;
    body["top_p"] = "x";
    EXPECT_EQ(refusal(path, body.dump()).param, "top_p") << path;
  }
  EXPECT_EQ(post("/tokenize", {{"content", kPadding}})["tokens"].size(), 1u);
  EXPECT_EQ(refusal("/v1/completions", kPadding).status, 400);
  EXPECT_EQ(refusal("/no/route", kPadding).status, 404);
}

TEST_F(LargeRequests, OthersAreAnsweredWhileOneIsRead) {
  const auto tokenizer = serve_patiently();
  const auto large =
      open("POST", "/v1/completions",
           Json{{"prompt", "wait" + kPadding}, {"max_tokens", 3}}.dump());
  EXPECT_EQ(ask("GET", "/health")->head.status, 200);
  EXPECT_EQ(post("/v1/completions",
                 {{"prompt", {1, 8}},
                  {"max_tokens", 3}})["usage"]["completion_tokens"],
            3);
  EXPECT_FALSE(large->done());
  tokenizer->may_go_on.set_value();
  finish(*large);
  EXPECT_EQ(large->head.status, 200) << large->head.body;
}

TEST_F(LargeRequests, AreNotReadForClientsThatHaveGone) {
  const auto tokenizer = serve_patiently();
  const auto ask_for = [&](const std::string& prompt) {
    return open("POST", "/v1/completions",
                Json{{"prompt", prompt + kPadding}, {"max_tokens", 3}}.dump());
  };
  const auto first = ask_for("wait");
  const auto second = ask_for("gone");
  const auto third = ask_for("next");
  second->leave();
  tokenizer->may_go_on.set_value();
  finish(*first);
  finish(*third);
  EXPECT_EQ(tokenizer->encoded, 2);
  EXPECT_FALSE(second->done());
}

// The handler waits for what is being read, and drops what is not yet.
TEST_F(LargeRequests, MayBeLeftUnansweredAtTheEnd) {
  const auto tokenizer = serve_patiently();
  const std::string body =
      Json{{"prompt", "wait" + kPadding}, {"max_tokens", 3}}.dump();
  const auto first = open("POST", "/v1/completions", body);
  const auto second = open("POST", "/v1/completions", body);
  std::thread thread([&] { tokenizer->may_go_on.set_value(); });
  api_ = nullptr;
  thread.join();
  EXPECT_FALSE(first->done());
  EXPECT_FALSE(second->done());
}

}  // namespace
}  // namespace pilotfish::server
