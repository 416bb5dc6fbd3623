#include "pilotfish/lab/rank_simulation.h"

#include <gtest/gtest.h>

namespace pilotfish {
namespace {

// Steps of which one rank would take 1, 2, 3, ... seconds, split evenly.
std::vector<RankStep> even_steps(size_t steps, int ranks, double bytes = 0) {
  std::vector<RankStep> all;
  for (size_t i = 0; i < steps; ++i) {
    const double seconds = static_cast<double>(i + 1) / ranks;
    all.push_back({std::vector<double>(static_cast<size_t>(ranks), seconds),
                   bytes * static_cast<double>(i + 1)});
  }
  return all;
}

TEST(RankSimulation, AFreeNetworkLeavesTheComputingOverTheRanks) {
  for (const int ranks : {1, 2, 3, 8, 64}) {
    const SimulatedPass pass =
        RankSimulation(even_steps(10, ranks), Network::free()).pass(0);
    EXPECT_NEAR(pass.seconds(), 55.0 / ranks, 1e-12) << ranks;
    EXPECT_EQ(pass.gather_seconds, 0);
    EXPECT_NEAR(pass.waiting_seconds, 0, 1e-12);
  }
}

TEST(RankSimulation, WithoutJitterIsTheClosedFormula) {
  const Network network = Network::fitted(
      "n",
      {.base_seconds = 0.25, .peer_seconds = 0.125, .bytes_per_second = 100});
  const SimulatedPass pass =
      RankSimulation(even_steps(4, 4, 10), network).average(50);
  EXPECT_DOUBLE_EQ(pass.compute_seconds, 10.0 / 4);
  EXPECT_DOUBLE_EQ(pass.gather_seconds,
                   4 * (0.25 + 3 * 0.125) + 100 * 0.75 / 100);
}

TEST(RankSimulation, TheSlowestRankOfEachStepSetsThePace) {
  const RankSimulation simulation({{{1, 2, 6}, 0}, {{4, 2, 3}, 0}},
                                  Network::free());
  EXPECT_DOUBLE_EQ(simulation.pass(0).seconds(), 6 + 4);
  EXPECT_DOUBLE_EQ(simulation.pass(0).waiting_seconds, 3 + 1);
}

// The largest of P numbers, even in [0, 1), is P / (P + 1) on average.
TEST(RankSimulation, JitterStretchesByWhatItsDistributionSays) {
  for (const int ranks : {1, 4, 16}) {
    const RankSimulation simulation(even_steps(100, ranks), Network::free(),
                                    {.most = 0.5, .seed = 7});
    const double stretched =
        simulation.average(50).compute_seconds * ranks / 5050;
    EXPECT_NEAR(stretched, 1 + 0.5 * ranks / (ranks + 1.0), 0.01) << ranks;
  }
}

TEST(RankSimulation, JitterIsThatOfItsSeed) {
  const auto seconds = [](std::uint64_t seed, std::uint64_t pass) {
    return RankSimulation(even_steps(5, 3), Network::free(),
                          {.most = 1, .seed = seed})
        .pass(pass)
        .seconds();
  };
  EXPECT_EQ(seconds(1, 4), seconds(1, 4));
  EXPECT_NE(seconds(1, 4), seconds(2, 4));
  EXPECT_NE(seconds(1, 4), seconds(1, 5));
}

TEST(RankSimulation, JitterMakesNothingFaster) {
  for (const int ranks : {1, 2, 5, 32}) {
    double before = 0;
    for (const double most : {0.0, 0.1, 0.5, 2.0}) {
      const double seconds =
          RankSimulation(even_steps(20, ranks), Network::free(),
                         {.most = most, .seed = 3})
              .average(4)
              .seconds();
      EXPECT_GT(seconds, before);
      before = seconds;
    }
  }
}

}  // namespace
}  // namespace pilotfish
