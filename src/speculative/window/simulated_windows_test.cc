// The window policy over simulated texts and machines: never slower than plain
// decoding, and about as fast as the best window found by trying all of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "speculative/testing/window_simulation.h"
#include "speculative/window/adaptive_window.h"

namespace pilotfish {
namespace {

using test::line;
using test::SimulatedCosts;
using test::SimulatedTexts;
using test::table;
using test::WindowSimulation;

struct Machine {
  const char* name;
  SimulatedCosts costs;
};
const std::vector<Machine>& machines() {
  static const std::vector<Machine> machines = {
      {"MemoryBound", {line(0.02), 0.1, 0.02}},
      {"AsMeasured",
       {table({1, 1.14, 1.33, 1.53, 1.85, 2.2, 2.55, 2.94}), 0.12, 0.025}},
      {"InSteps",
       {table({1, 1.03, 1.05, 1.07, 1.6, 1.62, 1.64, 1.66, 2.3, 2.3, 2.3, 2.3}),
        0.08, 0.01}},
      {"DearDraft", {line(0.05), 0.35, 0.08}},
      {"FirstStep",
       {table({1, 1.3, 1.33, 1.36, 1.4, 1.45, 1.5, 1.55}), 0.15, 0.03}},
      {"InCache",
       {table({1, 1.5, 1.66, 1.95, 2.2, 2.45, 2.8, 3.0}), 0.2, 0.04}},
  };
  return machines;
}

struct Texts {
  const char* name;
  double (*acceptance)(std::int64_t place);
};
constexpr Texts kTexts[] = {
    {"Friendly", [](std::int64_t) { return 0.9; }},
    {"Good", [](std::int64_t) { return 0.75; }},
    {"Middling", [](std::int64_t) { return 0.5; }},
    {"Poor", [](std::int64_t) { return 0.25; }},
    {"Hostile", [](std::int64_t) { return 0.02; }},
    {"GoodThenBad", [](std::int64_t i) { return i < 250 ? 0.85 : 0.03; }},
    {"BadThenGood", [](std::int64_t i) { return i < 250 ? 0.03 : 0.85; }},
    {"Alternating", [](std::int64_t i) { return i / 100 % 2 ? 0.03 : 0.85; }},
};

// How the policy does, in the time of plain decoding and of the best window.
struct SimulatedRatios {
  double plain = 0;
  double best = 0;
};

// Means over some random texts.
SimulatedRatios simulate(SimulatedCosts costs, const Texts& texts,
                         bool samples) {
  constexpr int kRuns = 4;
  // Looking up takes next to no time.
  if (!samples) costs.draft = 0.02;
  SimulatedRatios ratios;
  for (int seed = 0; seed < kRuns; ++seed) {
    const auto simulation = [&] {
      return WindowSimulation(costs, {texts.acceptance, samples},
                              static_cast<std::uint64_t>(seed));
    };
    AdaptiveWindow policy(1);
    const double time = simulation().time(policy);
    const double plain = simulation().time(1);
    double best = plain;
    for (std::int64_t k = 2; k <= AdaptiveWindow::kLargest; ++k) {
      best = std::min(best, simulation().time(k));
    }
    ratios.plain += plain / time / kRuns;
    ratios.best += best / time / kRuns;
  }
  return ratios;
}

// The mean over the texts of the speed in that of the best window, where
// neither is less than these for any of them.
template <typename Simulate>
double mean_of_best(std::span<const Texts> all, const Simulate& simulate,
                    double least_of_plain, double least_of_best) {
  double mean = 0;
  for (const Texts& texts : all) {
    const SimulatedRatios ratios = simulate(texts);
    EXPECT_GE(ratios.plain, least_of_plain) << texts.name;
    EXPECT_GE(ratios.best, least_of_best) << texts.name;
    mean += ratios.best / static_cast<double>(all.size());
  }
  return mean;
}

class AdaptiveWindowOn
    : public testing::TestWithParam<std::tuple<size_t, bool>> {};

TEST_P(AdaptiveWindowOn, IsNeverSlowerAndNearTheBest) {
  const SimulatedCosts& costs = machines()[std::get<0>(GetParam())].costs;
  const bool samples = std::get<1>(GetParam());
  const auto on_machine = [&](const Texts& texts) {
    return simulate(costs, texts, samples);
  };
  EXPECT_GE(mean_of_best(kTexts, on_machine, 0.98, 0.92), 0.95);
}

// One short text with an engine that knows nothing yet, on a machine whose
// first passes of each kind are slow: against plain decoding, and the window
// that is best for all such texts.
SimulatedRatios simulate_short(SimulatedCosts costs, const Texts& texts,
                               bool samples) {
  constexpr int kRuns = 40;
  costs.cold_draft = 3;
  costs.cold_verify = 1.4;
  if (!samples) costs.draft = 0.02;
  double time = 0;
  std::vector<double> fixed(AdaptiveWindow::kLargest);  // k = 1, 2, ...
  for (int seed = 0; seed < kRuns; ++seed) {
    const auto simulation = [&] {
      return WindowSimulation(costs, {texts.acceptance, samples, 240, 1},
                              static_cast<std::uint64_t>(seed));
    };
    AdaptiveWindow policy(1);
    time += simulation().time(policy);
    for (size_t i = 0; i < fixed.size(); ++i) {
      fixed[i] += simulation().time(static_cast<std::int64_t>(i + 1));
    }
  }
  return {fixed[0] / time, *std::ranges::min_element(fixed) / time};
}

TEST_P(AdaptiveWindowOn, LosesLittleInFindingOut) {
  const SimulatedCosts& costs = machines()[std::get<0>(GetParam())].costs;
  const bool samples = std::get<1>(GetParam());
  const auto on_machine = [&](const Texts& texts) {
    return simulate_short(costs, texts, samples);
  };
  EXPECT_GE(mean_of_best(kTexts, on_machine, 0.975, 0.85),
            samples ? 0.965 : 0.93);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, AdaptiveWindowOn,
    testing::Combine(testing::Range<size_t>(0, 6), testing::Bool()),
    [](const auto& test) {
      return std::string(machines()[std::get<0>(test.param)].name) +
             (std::get<1>(test.param) ? "Samples" : "Copies");
    });

// A server's load: streams of short texts, and batches whose passes cost ever
// more for each row. Against plain decoding, and the best of fixed windows.
SimulatedRatios simulate_load(SimulatedCosts costs, const Texts& texts,
                              std::int64_t streams) {
  costs.prompt = 1;
  costs.draft_growth = 0.08;
  const auto simulation = [&] {
    return WindowSimulation(costs, {texts.acceptance, true, 100, 16, streams},
                            5);
  };
  AdaptiveWindow policy(1);
  const double time = simulation().time(policy);
  const double plain = simulation().time(1);
  double best = plain;
  for (std::int64_t k = 2; k <= 8; ++k) {
    best = std::min(best, simulation().time(k));
  }
  return {plain / time, best / time};
}

class AdaptiveWindowUnderLoad : public testing::TestWithParam<std::int64_t> {};

TEST_P(AdaptiveWindowUnderLoad, IsNeverSlowerAndNearTheBest) {
  // Of rows up to 64 and more, in passes over one.
  const auto growing = [](std::int64_t rows) {
    const auto m = static_cast<double>(rows);
    return m <= 8 ? 1 + 0.12 * (m - 1) : 1.84 + 0.16 * (m - 8);
  };
  const std::vector<SimulatedCosts> batches = {
      {line(0.01), 0.1, 0.02}, {line(0.04), 0.12, 0.02}, {growing, 0.2, 0.02}};
  double best = 0;
  for (const SimulatedCosts& costs : batches) {
    const auto under_load = [&](const Texts& texts) {
      return simulate_load(costs, texts, GetParam());
    };
    best += mean_of_best(std::span(kTexts).first(5), under_load, 0.975, 0.92);
  }
  EXPECT_GE(best / static_cast<double>(batches.size()), 0.98);
}

INSTANTIATE_TEST_SUITE_P(Streams, AdaptiveWindowUnderLoad,
                         testing::Values(2, 4, 8, 16, 32),
                         testing::PrintToStringParamName());

// A source that cannot pay, on a text without end: what is lost is a share of
// the time, and not more of it the longer it takes.
TEST(AdaptiveWindow, TriesAreBounded) {
  SimulatedTexts texts;
  texts.acceptance = [](std::int64_t) { return 0.0; };
  texts.texts = 1;
  for (const std::int64_t tokens : {2000, 20000}) {
    texts.tokens = tokens;
    WindowSimulation simulation(machines()[3].costs, texts, 7);
    AdaptiveWindow policy(1);
    const double lost = simulation.time(policy) - static_cast<double>(tokens);
    EXPECT_LT(lost, 0.016 * static_cast<double>(tokens) + 8);
    EXPECT_GT(lost, 0.005 * static_cast<double>(tokens)) << "it gave up";
  }
}

}  // namespace
}  // namespace pilotfish
