// Tests the certificate itself: it passes where all is right, and where
// something is wrong it fails and says what.

#include "pilotfish/lab/selfcheck.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

// Says that it is lossless, and draws its corrections from the target as it is.
class Overclaiming final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "overclaiming"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& v) const override {
    Verdict verdict;
    while (verdict.accepted < v.draft.size()) {
      const size_t i = verdict.accepted;
      const Token x = v.draft.tokens[i];
      const double u = v.random.uniform(v.position + i, RandomRole::kAccept,
                                        static_cast<std::uint32_t>(i));
      if (u * v.draft.proposed(i) >= v.target[i].probability(x)) break;
      verdict.tokens.push_back(x);
      ++verdict.accepted;
    }
    verdict.tokens.push_back(v.target[verdict.accepted].sample(
        v.random.uniform(v.position + verdict.accepted, RandomRole::kTarget)));
    return verdict;
  }
};

// Says that it is lossless, and accepts a little too rarely.
class TooRare final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "too rare"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& v) const override {
    Verdict verdict;
    for (; verdict.accepted < v.draft.size(); ++verdict.accepted) {
      const size_t i = verdict.accepted;
      const Token x = v.draft.tokens[i];
      const double ratio = v.target[i].probability(x) / v.draft.proposed(i);
      const double u = v.random.uniform(v.position + i, RandomRole::kAccept,
                                        static_cast<std::uint32_t>(i));
      if (u >= std::pow(std::min(1.0, ratio), 1.05)) {
        verdict.tokens.push_back(residual_token(v, i));
        return verdict;
      }
      verdict.tokens.push_back(x);
    }
    verdict.tokens.push_back(v.target.back().sample(
        v.random.uniform(v.position + v.draft.size(), RandomRole::kTarget)));
    return verdict;
  }

 private:
  static Token residual_token(const Verification& v, size_t i) {
    std::vector<Distribution::Entry> rest;
    double mass = 0;
    for (const Distribution::Entry& entry : v.target[i].entries()) {
      const double q = v.draft.probs.empty()
                           ? (entry.token == v.draft.tokens[i] ? 1.0 : 0.0)
                           : v.draft.probs[i].probability(entry.token);
      if (entry.probability <= q) continue;
      rest.push_back({entry.token, entry.probability - q});
      mass += rest.back().probability;
    }
    for (Distribution::Entry& entry : rest) entry.probability /= mass;
    return Distribution(std::move(rest))
        .sample(v.random.uniform(v.position + i, RandomRole::kRecovered));
  }
};

// Keeps a drafted token that is not the target's at temperature 0 either.
class Careless final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "careless"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& v) const override {
    Verdict verdict;
    verdict.tokens = v.draft.tokens;
    verdict.accepted = v.draft.size();
    verdict.tokens.push_back(v.target.back().argmax());
    return verdict;
  }
};

class SelfcheckTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions model;
    model.vocab_size = 64;
    model.hidden_size = 32;
    model.n_positions = 64;
    test::write_random_model(folder_->path() / "target", model);
    model.perturbation = 0.2;
    test::write_random_model(folder_->path() / "draft", model);
  }
  static void TearDownTestSuite() { delete folder_; }

  static SelfcheckPair pair(bool with_draft = true) {
    LoadOptions load;
    load.threads = make_threads(1);
    return {Model::load(folder_->path() / "target", load),
            with_draft ? Model::load(folder_->path() / "draft", load) : nullptr,
            1};
  }

  static SelfcheckOptions options() {
    SelfcheckOptions options;
    options.prompts = {{1, 9, 20, 33, 4, 17, 50, 8, 2, 41}, {1, 60}, {1, 30}};
    options.windows = {2, 5};
    options.temperatures = {1};
    options.max_tokens = 12;
    options.trials = 600;
    return options;
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

TEST_F(SelfcheckTest, ARightEnginePasses) {
  SelfcheckOptions checks = options();
  checks.trials = 400;
  double done = 0;
  checks.progress = [&](double fraction) {
    EXPECT_GE(fraction, done);
    done = fraction;
  };
  const Selfcheck result = selfcheck({pair(), pair()}, checks);
  EXPECT_NEAR(done, 1, 1e-9);
  for (const Check* check : with(result, CheckVerdict::kFails)) {
    ADD_FAILURE() << check->subject << ", " << check->settings;
  }
  for (const Check* check : with(result, CheckVerdict::kNotCaught)) {
    ADD_FAILURE() << check->subject << ", " << check->settings;
  }
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kLossless);
  EXPECT_EQ(with(result, CheckVerdict::kLossyDetected).size(), 1u);
  EXPECT_GE(result.statistical_claims, 3 * 16);
  for (const Check& check : result.checks) {
    SCOPED_TRACE(check.subject + ", " + check.settings);
    // Nothing is proved where nothing was drafted, kept or refused.
    const std::int64_t drafted =
        check.identity ? check.identity->drafted : check.distribution->drafted;
    const std::int64_t accepted = check.identity ? check.identity->accepted
                                                 : check.distribution->accepted;
    EXPECT_GT(accepted, 0);
    EXPECT_GE(drafted, accepted);
    if (!check.distribution) continue;
    EXPECT_GE(check.distribution->degrees, 1);
    EXPECT_LT(check.distribution->detects, 0.4);
  }
}

TEST_F(SelfcheckTest, AWrongRuleThatClaimsToBeLosslessFails) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("block"), std::make_shared<Overclaiming>()};
  checks.trials = 400;
  const Selfcheck result = selfcheck({pair()}, checks);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
  const auto failed = with(result, CheckVerdict::kFails);
  EXPECT_GT(failed.size(), 3u);
  for (const Check* check : failed) {
    EXPECT_EQ(check->subject, "overclaiming") << check->settings;
    EXPECT_EQ(check->kind, CheckKind::kDistribution);
  }
}

TEST_F(SelfcheckTest, ATextThatDiffersIsNamed) {
  SelfcheckOptions checks = options();
  checks.acceptors = {std::make_shared<Careless>()};
  checks.trials = 100;
  const Selfcheck result = selfcheck({pair()}, checks);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
  const Check& greedy = result.checks.front();
  ASSERT_EQ(greedy.kind, CheckKind::kGreedy);
  EXPECT_EQ(greedy.verdict, CheckVerdict::kFails);
  EXPECT_GT(greedy.identity->different, 0);
  EXPECT_TRUE(greedy.identity->first_difference.starts_with("prompt 0: token "))
      << greedy.identity->first_difference;
}

TEST_F(SelfcheckTest, ATargetDraftsForItselfWithoutADraft) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("rejection")};
  checks.trials = 400;
  const Selfcheck result = selfcheck({pair(false)}, checks);
  EXPECT_NE(result.verdict, SelfcheckVerdict::kNotLossless);
  EXPECT_TRUE(with(result, CheckVerdict::kNotCaught).empty());
}

TEST_F(SelfcheckTest, TooFewTextsAreNoCertificate) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("rejection")};
  checks.most_trials = 100;
  EXPECT_EQ(selfcheck({pair()}, checks).verdict,
            SelfcheckVerdict::kInconclusive);
}

// Its total variation distance is about 0.01: far less than some hundred texts
// of every sampling parameter would show.
TEST_F(SelfcheckTest, ARuleThatErrsALittleFails) {
  SelfcheckOptions checks = options();
  checks.acceptors = {std::make_shared<TooRare>(), make_acceptor("block")};
  checks.trials = 100;
  const Selfcheck result = selfcheck({pair()}, checks);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNotLossless);
  EXPECT_TRUE(with(result, CheckVerdict::kNotCaught).empty());
  const auto failed = with(result, CheckVerdict::kFails);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0]->subject, "too rare");
  EXPECT_EQ(failed[0]->settings, result.rule_settings);
  EXPECT_LT(failed[0]->distribution->distance, 0.03);
}

// Such texts hide what is wrong with a rule unless it is looked for.
TEST_F(SelfcheckTest, APairThatIsSureOfItselfIsCertified) {
  const test::TemporaryFolder folder;
  test::RandomModelOptions model;
  model.vocab_size = 12;
  model.hidden_size = 32;
  model.n_positions = 64;
  model.logit_scale = 30;
  test::write_random_model(folder.path() / "target", model);
  model.perturbation = 0.01;
  test::write_random_model(folder.path() / "draft", model);
  LoadOptions load;
  load.threads = make_threads(1);
  SelfcheckOptions checks = options();
  checks.prompts = {{1, 9, 3, 4, 7, 5, 8, 10, 11}, {1, 6}, {1, 3}};
  checks.trials = 200;
  checks.acceptors = {make_acceptor("rejection"), make_acceptor("typical")};
  const Selfcheck result =
      selfcheck({{Model::load(folder.path() / "target", load),
                  Model::load(folder.path() / "draft", load), 1}},
                checks);
  for (const Check* check : with(result, CheckVerdict::kNotCaught)) {
    ADD_FAILURE() << check->subject << ", " << check->settings;
  }
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kLossless);
  EXPECT_EQ(with(result, CheckVerdict::kLossyDetected).size(), 1u);
}

TEST_F(SelfcheckTest, RulesThatClaimNothingGetNoCertificate) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("typical")};
  const Selfcheck result = selfcheck({pair()}, checks);
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kNothingClaimed);
  const auto lossy = with(result, CheckVerdict::kLossyDetected);
  ASSERT_EQ(lossy.size(), 1u);
  EXPECT_GT(lossy[0]->distribution->distance, 0.03);
}

// Every rule that is tested is held to the texts that show all wrong rules.
TEST_F(SelfcheckTest, RulesAreTestedWithMoreTextsThanWrongRulesNeed) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("rejection")};
  checks.trials = 100;
  const Selfcheck result = selfcheck({pair()}, checks);
  std::int64_t needed = 0;
  std::int64_t given = 0;
  for (const Check& check : result.checks) {
    if (check.settings != result.rule_settings) continue;
    std::int64_t& most = check.kind == CheckKind::kControl ? needed : given;
    most = std::max(most, check.distribution->texts);
    EXPECT_GT(check.distribution->degrees, 5);
  }
  EXPECT_GT(needed, 4096);
  EXPECT_GE(given, 4 * needed);
}

TEST_F(SelfcheckTest, OptionsOutOfRangeAreRefused) {
  const auto refused = [](void (*change)(SelfcheckOptions&)) {
    SelfcheckOptions checks = options();
    change(checks);
    EXPECT_THROW(selfcheck({pair()}, checks), UsageError);
  };
  refused([](auto& o) { o.prompts.clear(); });
  refused([](auto& o) { o.prompts[1].clear(); });
  refused([](auto& o) { o.windows = {1}; });
  refused([](auto& o) { o.windows.clear(); });
  refused([](auto& o) { o.temperatures = {0}; });
  refused([](auto& o) { o.max_tokens = 3; });
  refused([](auto& o) { o.trials = 99; });
  refused([](auto& o) { o.most_trials = 99; });
  refused([](auto& o) { o.level = 0; });
  refused([](auto& o) { o.power = 1; });
  EXPECT_THROW(selfcheck({}, options()), UsageError);
}

}  // namespace
}  // namespace pilotfish
