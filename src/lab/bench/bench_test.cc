#include "pilotfish/lab/bench.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/thread_team.h"
#include "lab/bench/alternation.h"
#include "pilotfish/error.h"
#include "pilotfish/inspect.h"
#include "pilotfish/lab/synth.h"
#include "test_data.h"

namespace pilotfish {
namespace {

TEST(Alternation, TimesEveryWorkRightAfterTheBase) {
  std::string order;
  Alternation turns([&] { order += 'b'; });
  turns.add([&] { order += '0'; });
  turns.add([&] { order += '1'; }, [&] { order += 'a'; });
  int done = 0;
  turns.run(2, [&] { ++done; });
  EXPECT_EQ(order,
            "b01a"
            "b0b1a"
            "b0b1a");
  EXPECT_EQ(done, 6);
  const Spread pairs =
      turns.of_pairs(1, [](double base, double work) { return base + work; });
  EXPECT_GE(pairs.median, turns.seconds(1).p10);
  EXPECT_GE(turns.base_seconds().p10, 0);
}

TEST(MeasurePeaks, KnowsTheSetsOfThisProcessor) {
  const auto threads = make_threads(1);
  EXPECT_TRUE(measure_peaks(*threads, "scalar").empty());
  EXPECT_THROW(measure_peaks(*threads, "no_such_set"), UsageError);
}

class BenchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Shape shape = *find_shape("stories-260k");
    const auto path = [&](const char* name) { return folder_.path() / name; };
    const SynthOptions options{.dtype = DType::kF32, .threads = threads_};
    synthesise(shape, path("target.gguf"), options);
    plan_ = planned_model(inspect_model(path("target.gguf")));
    target_ = Model::load(path("target.gguf"), {.threads = threads_});
    draft_ = Model::load(path("target.gguf"), {.threads = threads_});
    options_.prompt_tokens = 32;
    options_.generate_tokens = 24;
    options_.context = 16;
    options_.rows = {2, 32};
    options_.contexts = {0, 400};
    options_.windows = {4};
    options_.repetitions = 3;
  }

  BenchReport run(bool with_draft = true) {
    return bench(target_, plan_, with_draft ? draft_ : nullptr, *threads_,
                 options_);
  }

  const std::shared_ptr<ThreadTeam> threads_ = make_threads(1);
  test::TemporaryFolder folder_;
  std::shared_ptr<Model> target_;
  std::shared_ptr<Model> draft_;
  PlannedModel plan_;
  BenchOptions options_;
};

void expect_ordered(const Spread& spread) {
  EXPECT_LE(spread.p10, spread.median);
  EXPECT_LE(spread.median, spread.p90);
}

void expect_sound(const Spread& spread) {
  EXPECT_GT(spread.p10, 0);
  expect_ordered(spread);
}

TEST_F(BenchTest, MeasuresWhatItWasAskedTo) {
  double last = 0;
  options_.progress = [&](double done) {
    EXPECT_GT(done, last);
    last = done;
  };
  const BenchReport report = run();
  EXPECT_NEAR(last, 1, 1e-9);
  EXPECT_EQ(report.threads, 1);
  EXPECT_EQ(report.instruction_set, target_->instruction_set());
  expect_sound(report.machine.read_bytes_per_second);
  for (const InstructionPeak& peak : report.machine.peaks) {
    EXPECT_GT(peak.operations_per_second, 0) << peak.instruction;
  }
  expect_sound(report.prefill_tokens_per_second.value());
  expect_sound(report.pass_seconds);
  expect_sound(report.bandwidth_share);
  // A difference of times, below 0 where the machine was busy with the smaller.
  expect_ordered(report.layer_seconds.value());
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_EQ(report.rows[1].rows, 32);
  expect_sound(report.rows[1].ratio);
  ASSERT_EQ(report.contexts.size(), 2u);
  expect_sound(report.contexts[1].seconds);
  expect_sound(report.plain.value().tokens_per_second);
  EXPECT_GT(report.plain->bookkeeping_share.median, 0);
  EXPECT_LT(report.plain->bookkeeping_share.median, 1);
}

// The embedding is tied, so every weight is read.
TEST_F(BenchTest, CountsTheBytesOfAPass) {
  const BenchReport report = run(false);
  const auto kv = [](std::int64_t context) {
    return 2 * 5 * context * 4 * 8 * 2;
  };
  EXPECT_EQ(report.pass_bytes, 260032 * 4 + kv(16));
  EXPECT_EQ(report.contexts[1].bytes, 260032 * 4 + kv(400));
  EXPECT_TRUE(report.speculation.empty());
}

TEST_F(BenchTest, ADraftThatIsTheTargetIsAlwaysRight) {
  const BenchReport report = run();
  EXPECT_EQ(report.acceptor, "block");
  ASSERT_EQ(report.speculation.size(), 1u);
  const SpeculationSpeed& speed = report.speculation.front();
  EXPECT_EQ(speed.window, 4);
  EXPECT_EQ(speed.acceptance, 1);
  // 23 tokens after the first, in passes of 4 and a last one of 3.
  EXPECT_NEAR(speed.tokens_per_pass, 23.0 / 6, 1e-12);
  expect_sound(speed.speedup);
  expect_sound(speed.draft_row_seconds);
  const double c = speed.draft_row_seconds.median / report.pass_seconds.median;
  EXPECT_NEAR(speed.limit_speedup, 4 / (1 + 3 * c), 1e-9);
  EXPECT_EQ(speed.predicted_speedup, 0);  // 4 is not among the rows
}

TEST_F(BenchTest, SyntheticAcceptanceIsWhatItSays) {
  options_.synthetic_acceptance = 0;
  options_.windows = {2};
  BenchReport report = run();
  EXPECT_EQ(report.acceptor, "synthetic");
  EXPECT_EQ(report.speculation.front().acceptance, 0);
  EXPECT_EQ(report.speculation.front().tokens_per_pass, 1);
  EXPECT_GT(report.speculation.front().predicted_speedup, 0);
  options_.synthetic_acceptance = 0.7;
  options_.generate_tokens = 300;
  options_.repetitions = 1;
  report = run();
  EXPECT_NEAR(report.speculation.front().acceptance, 0.7, 0.12);
}

TEST_F(BenchTest, LeavesOutWhatIsNotWanted) {
  options_.prompt_tokens = 0;
  options_.generate_tokens = 0;
  options_.rows.clear();
  options_.contexts.clear();
  const BenchReport report = run();
  EXPECT_FALSE(report.prefill_tokens_per_second);
  EXPECT_FALSE(report.plain);
  EXPECT_TRUE(report.speculation.empty());
  expect_sound(report.pass_seconds);
}

TEST_F(BenchTest, RefusesWhatItCannotMeasure) {
  const BenchOptions sound = options_;
  const auto refused = [&](auto change) {
    options_ = sound;
    change(options_);
    EXPECT_THROW(run(), UsageError);
  };
  refused([](BenchOptions& o) { o.repetitions = 0; });
  refused([](BenchOptions& o) { o.prompt_tokens = 513; });
  refused([](BenchOptions& o) { o.generate_tokens = 1; });
  refused([](BenchOptions& o) { o.generate_tokens = 500; });
  refused([](BenchOptions& o) { o.context = -1; });
  refused([](BenchOptions& o) { o.rows = {1}; });
  refused([](BenchOptions& o) { o.contexts = {512}; });
  refused([](BenchOptions& o) { o.windows = {1}; });
  refused([](BenchOptions& o) { o.synthetic_acceptance = 1.5; });
}

}  // namespace
}  // namespace pilotfish
