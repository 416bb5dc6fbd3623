// Tests the certificate itself: it passes where all is right, and where
// something is wrong it fails and says what.

#include "pilotfish/lab/selfcheck.h"

#include <gtest/gtest.h>

#include <algorithm>
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
  checks.trials = 1200;
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
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kFailed);
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
  EXPECT_EQ(result.verdict, SelfcheckVerdict::kFailed);
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
  EXPECT_NE(result.verdict, SelfcheckVerdict::kFailed);
  EXPECT_TRUE(with(result, CheckVerdict::kNotCaught).empty());
}

TEST_F(SelfcheckTest, TooFewTextsAreNoCertificate) {
  SelfcheckOptions checks = options();
  checks.acceptors = {make_acceptor("rejection")};
  checks.trials = 100;
  EXPECT_EQ(selfcheck({pair()}, checks).verdict,
            SelfcheckVerdict::kInconclusive);
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
  refused([](auto& o) { o.level = 0; });
  refused([](auto& o) { o.power = 1; });
  EXPECT_THROW(selfcheck({}, options()), UsageError);
}

}  // namespace
}  // namespace pilotfish
