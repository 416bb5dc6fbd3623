// Tests the check of a server: it passes a right one, and says what is wrong
// with others. The server is an engine in this process.

#include "pilotfish/lab/server_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/service.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kCharacters = 64;

// Token i is the character '0' + i.
class CharacterTokenizer final : public Tokenizer {
 public:
  CharacterTokenizer() {
    for (std::size_t i = 0; i < kCharacters; ++i) {
      pieces_.emplace_back(1, static_cast<char>('0' + i));
    }
  }
  std::vector<Token> encode(std::string_view text,
                            const EncodeOptions&) const override {
    std::vector<Token> tokens;
    for (const char c : text) tokens.push_back(c - '0');
    return tokens;
  }
  std::string decode(std::span<const Token> tokens, bool) const override {
    std::string text;
    for (const Token token : tokens) text += token_text(token);
    return text;
  }
  std::size_t vocab_size() const override { return kCharacters; }
  std::string_view token_text(Token token) const override {
    return pieces_.at(static_cast<std::size_t>(token));
  }
  std::optional<Token> find(std::string_view) const override { return {}; }
  bool is_special(Token) const override { return false; }
  std::optional<Token> bos() const override { return {}; }
  std::optional<Token> eos() const override { return {}; }
  const std::string& chat_template() const override { return template_; }

 private:
  std::vector<std::string> pieces_;
  std::string template_;
};

struct FakeModels {
  SelfcheckPair pair;
  std::shared_ptr<const Tokenizer> tokenizer;
};

class FakeServer final : public TextServer {
 public:
  explicit FakeServer(const FakeModels& models, std::string acceptor = "block")
      : acceptor_(std::move(acceptor)),
        tokenizer_(models.tokenizer),
        service_(std::make_unique<Engine>(
            models.pair.target, models.pair.draft, models.tokenizer,
            EngineOptions{.n_positions = 64,
                          .max_sequences = 8,
                          .acceptor = make_acceptor(acceptor_),
                          .drafters = {"prediction", "model"}})) {}

  std::string acceptor() const override { return acceptor_; }
  std::vector<std::string> drafters() const override {
    return {"prediction", "model"};
  }
  std::vector<ServedText> generate(const ServedRequest& request) override {
    std::vector<Ticket> tickets;
    for (std::int64_t i = 0; i < request.texts; ++i) {
      tickets.push_back(service_.submit(request_of(request, i)));
    }
    std::vector<ServedText> texts;
    for (Ticket& ticket : tickets) {
      const Generation generation = ticket.result();
      texts.push_back({generation.text, generation.tokens,
                       generation.stats.summary.drafted,
                       generation.stats.summary.accepted});
    }
    const std::lock_guard lock(mutex_);
    if (tamper) tamper(texts);
    return texts;
  }
  void abandon(const ServedRequest& request, std::int64_t) override {
    {
      const std::lock_guard lock(mutex_);
      if (on_abandon) on_abandon();
    }
    service_.submit(request_of(request, 0)).wait();
  }

  // What is wrong with it.
  std::function<void(Request&)> misread = {};
  std::function<void(std::vector<ServedText>&)> tamper = {};
  std::function<void()> on_abandon = {};

 private:
  Request request_of(const ServedRequest& served, std::int64_t index) const {
    Request request;
    request.prompt = served.prompt;
    request.sampling = served.sampling;
    request.sampling.seed += static_cast<std::uint64_t>(index);
    request.stop_ids = served.stop_ids;
    request.ignore_eos = served.ignore_eos;
    request.max_tokens = served.max_tokens;
    request.window = served.window;
    if (!served.acceptor.empty()) {
      request.acceptor = make_acceptor(served.acceptor);
    }
    if (!served.drafter.empty()) request.drafters = {served.drafter};
    request.prediction = tokenizer_->encode(served.prediction, {});
    request.cache_salt = served.cache_salt;
    if (misread) misread(request);
    return request;
  }

  const std::string acceptor_;
  const std::shared_ptr<const Tokenizer> tokenizer_;
  std::mutex mutex_;
  Service service_;
};

class ServerCheckTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions model;
    model.vocab_size = kCharacters;
    model.hidden_size = 32;
    model.n_positions = 64;
    test::write_random_model(folder_->path() / "target", model);
    model.perturbation = 0.2;
    test::write_random_model(folder_->path() / "draft", model);
  }
  static void TearDownTestSuite() { delete folder_; }

  // Models have scratch memory of their own, so each user loads them.
  static FakeModels models() {
    LoadOptions load;
    load.threads = make_threads(1);
    return {{Model::load(folder_->path() / "target", load),
             Model::load(folder_->path() / "draft", load), 1},
            std::make_shared<CharacterTokenizer>()};
  }

  static SelfcheckOptions options() {
    SelfcheckOptions options;
    options.prompts = {{1, 9, 20, 33, 4, 17, 50, 8, 2, 41}, {1, 60}, {1, 30}};
    options.temperatures = {1};
    options.max_tokens = 12;
    options.trials = 300;
    return options;
  }

  static Selfcheck check(FakeServer& server,
                         const SelfcheckOptions& checks = options()) {
    const FakeModels here = models();
    return check_server(server, here.pair, here.tokenizer, checks);
  }

  static std::vector<const Check*> with(const Selfcheck& result,
                                        CheckVerdict verdict) {
    std::vector<const Check*> checks;
    for (const Check& check : result.checks) {
      if (check.verdict == verdict) checks.push_back(&check);
    }
    return checks;
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(ServerCheckTest, ARightServerPasses) {
  FakeServer server(models());
  SelfcheckOptions checks = options();
  double done = 0;
  checks.progress = [&](double fraction) {
    EXPECT_GE(fraction, done);
    done = fraction;
  };
  int gone = 0;
  server.on_abandon = [&] { ++gone; };
  const Selfcheck result = check(server, checks);
  EXPECT_NEAR(done, 1, 1e-9);
  for (const CheckVerdict bad :
       {CheckVerdict::kFails, CheckVerdict::kNotCaught}) {
    for (const Check* check : with(result, bad)) {
      ADD_FAILURE() << check->subject << ", " << check->settings << ": "
                    << (check->identity ? check->identity->first_difference
                                        : "");
    }
  }
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kLossless);
  EXPECT_EQ(with(result, CheckVerdict::kCaught).size(), 3u);
  EXPECT_GE(result.statistical_claims, 5 + 14);
  EXPECT_GE(gone, 7 * 4);
  for (const Check& check : result.checks) {
    SCOPED_TRACE(check.subject + ", " + check.settings);
    // One and eight at once, cold and warm.
    if (check.identity) {
      EXPECT_EQ(check.identity->texts, 4 * 3);
    }
    const std::int64_t drafted =
        check.identity ? check.identity->drafted : check.distribution->drafted;
    if (check.settings.ends_with("auto")) continue;  // by what passes cost
    EXPECT_EQ(drafted == 0, check.settings.ends_with("plain"));
  }
}

TEST_F(ServerCheckTest, ALossyAcceptorIsCaught) {
  FakeServer server(models(), "typical");
  const Selfcheck result = check(server);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
  for (const Check* check : with(result, CheckVerdict::kFails)) {
    EXPECT_EQ(check->kind, CheckKind::kDistribution) << check->settings;
    EXPECT_EQ(check->subject, "typical") << check->settings;
  }
}

TEST_F(ServerCheckTest, AnotherTemperatureIsCaught) {
  FakeServer server(models());
  server.misread = [](Request& request) {
    request.sampling.temperature *= 1.4;
  };
  const Selfcheck result = check(server);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
  EXPECT_GT(with(result, CheckVerdict::kFails).size(), 5u);
  for (const Check& check : result.checks) {
    if (check.kind != CheckKind::kGreedy) continue;
    EXPECT_EQ(check.verdict, CheckVerdict::kHolds);
  }
}

// One of a few hundred texts.
TEST_F(ServerCheckTest, OneByteThatDiffersIsShown) {
  for (const bool token_too : {true, false}) {
    FakeServer server(models());
    int texts = 0;
    bool done = false;
    server.tamper = [&](std::vector<ServedText>& answer) {
      // Behind two rounds of one at a time.
      if (++texts <= 2 * 3 || done || answer[0].text.size() <= 5) return;
      done = true;
      answer[0].text[5] = '#';
      if (token_too) answer[0].tokens[5] = 77;
    };
    SelfcheckOptions checks = options();
    checks.trials = 100;
    const Selfcheck result = check(server, checks);
    EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
    const auto failed = with(result, CheckVerdict::kFails);
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0]->settings, "temperature 0, plain");
    EXPECT_EQ(failed[0]->identity->different, 1);
    EXPECT_THAT(
        failed[0]->identity->first_difference,
        AllOf(StartsWith("prompt "), HasSubstr("byte 5 of the text differs"),
              HasSubstr(token_too ? "token 5 is 77 instead of "
                                  : "though its tokens are the same"),
              HasSubstr("(temperature 0, seed "),
              HasSubstr("plain, 8 at once, prefix not cached)")));
  }
}

TEST_F(ServerCheckTest, WhatTheServerThrowsComesOut) {
  const auto error_of = [](FakeServer& server) {
    try {
      check(server);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  FakeServer gone(models());
  gone.on_abandon = [] { throw Error("gone"); };
  EXPECT_EQ(error_of(gone), "gone");
  FakeServer broken(models());
  broken.tamper = [](auto&) { throw Error("broken"); };
  EXPECT_EQ(error_of(broken), "broken");
}

TEST_F(ServerCheckTest, OptionsOutOfRangeAreRefused) {
  FakeServer server(models());
  SelfcheckOptions checks = options();
  checks.prompts.clear();
  EXPECT_THROW(check(server, checks), UsageError);
}

}  // namespace
}  // namespace pilotfish
