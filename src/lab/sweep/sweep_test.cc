#include "pilotfish/lab/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pilotfish/error.h"
#include "pilotfish/speedup.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using Json = nlohmann::ordered_json;

// Seconds of a pass: drafting, verifying, all of it.
struct Times {
  double draft;
  double verify;
  double total;
};

IterationStats pass(std::int64_t drafted, std::int64_t accepted, Times times) {
  IterationStats stats;
  stats.drafted = drafted;
  stats.accepted = accepted;
  stats.emitted = accepted + 1;
  stats.draft_seconds = times.draft;
  stats.verify_seconds = times.verify;
  stats.total_seconds = times.total;
  return stats;
}

// The pass that encodes the prompt, and those that decode.
IterationSummary text(std::vector<IterationStats> decoding) {
  decoding.insert(decoding.begin(), pass(0, 0, {9, 9, 99}));
  IterationSummary summary;
  summary.add(decoding);
  return summary;
}

// Plain decoding takes 2.5 s a token, 2 s of them in the target. With k = 4 two
// passes of 5 s emit 4 and 2 tokens.
SweepComparison comparison() {
  SweepComparison one;
  one.setting = {{"model"}, "block", 0, 4};
  const IterationStats plain = pass(0, 0, {0, 2, 2.5});
  one.plain = text({plain, plain, plain});
  one.speculative = text({pass(3, 3, {1, 3, 5}), pass(3, 1, {1, 3, 5})});
  one.ratios = {1, 2, 4};
  return one;
}

SweepComparison with(const SweepSetting& setting) {
  SweepComparison one = comparison();
  one.setting = setting;
  return one;
}

TEST(SweepComparison, IsWhatThePassesAddUpTo) {
  const SweepComparison one = comparison();
  EXPECT_DOUBLE_EQ(one.speedup(), 2.5 / (10.0 / 6));
  EXPECT_DOUBLE_EQ(one.verify_cost(), 3.0 / 2);
  EXPECT_DOUBLE_EQ(one.draft_cost(), 1.0 / 2);
  EXPECT_DOUBLE_EQ(one.predicted_speedup(), 3 / (1.5 + 0.5));
  // (1 - a^4) / (1 - a) tokens.
  EXPECT_DOUBLE_EQ(one.formula_speedup(0.8), 2.952 / 2);
  EXPECT_DOUBLE_EQ(one.formula_speedup(0), 1.0 / 2);
}

TEST(SweepComparison, OfNothingIsZero) {
  SweepComparison none;
  none.setting.window = 3;
  EXPECT_EQ(none.speedup(), 0);
  EXPECT_EQ(none.verify_cost(), 0);
  EXPECT_EQ(none.draft_cost(), 0);
  EXPECT_EQ(none.predicted_speedup(), 0);
  EXPECT_EQ(none.formula_speedup(0.5), 0);
}

TEST(SweepGroups, DifferByMoreThanTheWindow) {
  const std::vector<SweepComparison> all = {
      with({{"model"}, "block", 0, kAutoWindow}),
      with({{"model"}, "block", 0, 4}),
      with({{"model"}, "block", 1, 4}),
      with({{"model"}, "rejection", 1, 4}),
      with({{"ngram", "model"}, "rejection", 1, 2}),
      with({{"ngram", "model"}, "rejection", 1, 4}),
  };
  EXPECT_THAT(sweep_groups(all),
              ElementsAre(SizeIs(2), SizeIs(1), SizeIs(1), SizeIs(2)));
  EXPECT_EQ(sweep_groups(all)[3].data(), &all[4]);
  EXPECT_TRUE(sweep_groups({}).empty());
}

TEST(SweepGroups, ShareOneAcceptance) {
  SweepComparison other = comparison();
  other.speculative = text({pass(1, 1, {1, 1, 2}), pass(1, 0, {1, 1, 2})});
  // Decided: 3 and 2 tokens of the first, 1 and 1 of the other.
  EXPECT_DOUBLE_EQ(acceptance_per_token(std::vector{comparison()}), 4.0 / 5);
  EXPECT_DOUBLE_EQ(acceptance_per_token(std::vector{comparison(), other}),
                   5.0 / 7);
}

TEST(BestOf, IsTheFastestThatBeatsPlainDecoding) {
  std::vector<SweepComparison> all(3, comparison());
  all[1].speculative = text({pass(3, 3, {1, 3, 5})});  // twice as fast
  EXPECT_EQ(best_of(all), &all[1]);
  // As fast as plain decoding is not faster.
  SweepComparison even = comparison();
  even.speculative = even.plain;
  EXPECT_EQ(best_of(std::vector{even}), nullptr);
  EXPECT_EQ(best_of({}), nullptr);
}

TEST(SweepJson, HasAllFigures) {
  std::vector<SweepComparison> all(2, comparison());
  all[0].setting.window = kAutoWindow;
  all[1].speculative = text({pass(3, 3, {1, 3, 5})});
  const Json json = sweep_json(all);
  EXPECT_EQ(json["best_setting"], 1);
  ASSERT_EQ(json["settings"].size(), 2);
  const Json& automatic = json["settings"][0];
  EXPECT_EQ(automatic["window"], "auto");
  EXPECT_TRUE(automatic["speedup_formula"].is_null());
  EXPECT_TRUE(automatic["tokens_per_pass_formula"].is_null());
  EXPECT_EQ(automatic["drafted_per_position"], Json({2, 2, 2}));
  EXPECT_EQ(automatic["acceptance_per_position"], Json({1.0, 0.5, 0.5}));
  EXPECT_EQ(automatic["speedup_quartiles_of_prompts"], Json({1.5, 3.0}));
  EXPECT_EQ(automatic["speedup_median_of_prompts"], 2.0);
  const Json& fixed = json["settings"][1];
  EXPECT_EQ(fixed["drafters"], Json({"model"}));
  EXPECT_EQ(fixed["window"], 4);
  EXPECT_EQ(fixed["tokens"], 4);
  EXPECT_EQ(fixed["passes"], 1);
  EXPECT_EQ(fixed["seconds_per_token_split"],
            Json({{"draft", 0.25}, {"verify", 0.75}, {"bookkeeping", 0.25}}));
  const double acceptance = 7.0 / 8;
  EXPECT_EQ(fixed["acceptance_per_token"], acceptance);
  EXPECT_EQ(fixed["tokens_per_pass_formula"], expected_tokens(acceptance, 4));
  EXPECT_EQ(fixed["speedup_formula"], all[1].formula_speedup(acceptance));
  ASSERT_EQ(json["groups"].size(), 1);
  const Json& group = json["groups"][0];
  EXPECT_EQ(group["settings"], Json({0, 1}));
  EXPECT_EQ(group["plain"]["tokens"], 6);
  EXPECT_EQ(group["plain"]["seconds_per_token"], 2.5);
  EXPECT_EQ(group["plain"]["seconds_per_token_split"]["verify"], 2.0);
}

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() {
    test::RandomModelOptions model;
    test::write_random_model(folder_.path() / "target", model);
    model.perturbation = 0.15;
    test::write_random_model(folder_.path() / "draft", model);
    target_ = Model::load(folder_.path() / "target");
    draft_ = Model::load(folder_.path() / "draft");
    options_.engine.n_positions = 64;
    options_.request.max_tokens = 20;
    options_.request.ignore_eos = true;
    options_.prompts = {{1, 5, 9}, {1, 7}};
    options_.settings = {{{"model"}, "block", 0, 4},
                         {{"ngram"}, "rejection", 1, 2}};
  }

  std::vector<SweepComparison> run() const {
    return sweep(target_, draft_, nullptr, options_);
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> target_;
  std::shared_ptr<Model> draft_;
  SweepOptions options_;
};

TEST_F(SweepTest, RunsEveryPromptWithEverySettingBesidePlainDecoding) {
  std::vector<double> progress;
  options_.progress = [&](double done) {
    progress.push_back(done);
    return true;
  };
  const auto found = run();
  EXPECT_THAT(progress, ElementsAre(0.25, 0.5, 0.75, 1));
  ASSERT_EQ(found.size(), 2);
  for (size_t i = 0; i < found.size(); ++i) {
    const SweepComparison& one = found[i];
    EXPECT_EQ(one.setting.window, options_.settings[i].window);
    EXPECT_EQ(one.setting.acceptor, options_.settings[i].acceptor);
    EXPECT_THAT(one.ratios, SizeIs(2));
    EXPECT_EQ(one.plain.tokens, 2 * 19);
    EXPECT_EQ(one.plain.passes, 2 * 19);
    EXPECT_EQ(one.plain.drafted, 0);
    EXPECT_EQ(one.speculative.tokens, 2 * 19);
    EXPECT_LE(one.speculative.offered_at.size(), one.setting.window - 1);
  }
  EXPECT_LT(found[0].speculative.passes, 2 * 19);
}

TEST_F(SweepTest, EndsEarlyWithWhatThereIs) {
  options_.progress = [](double) { return false; };
  const auto found = run();
  ASSERT_EQ(found.size(), 1);  // the other one never ran
  EXPECT_EQ(found[0].setting.window, 4);
  EXPECT_EQ(found[0].plain.tokens, 19);
  EXPECT_EQ(found[0].prompts, 1);
}

TEST_F(SweepTest, CountsThePromptsOfEachSetting) {
  options_.progress = [](double done) { return done < 0.7; };  // 3 of 4 runs
  const auto found = run();
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].prompts, 2);
  EXPECT_EQ(found[1].prompts, 1);
  const auto json = sweep_json(found);
  EXPECT_EQ(json["settings"][0]["prompts"], 2);
  EXPECT_EQ(json["settings"][1]["prompts"], 1);
}

TEST_F(SweepTest, RefusesUnknownAcceptors) {
  options_.settings.back().acceptor = "none_such";
  EXPECT_THROW(run(), UsageError);
}

}  // namespace
}  // namespace pilotfish
