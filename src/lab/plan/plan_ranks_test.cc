#include "pilotfish/lab/plan_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "pilotfish/error.h"
#include "pilotfish/lab/shapes.h"

namespace pilotfish {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

const ModelConfig& config_of(const char* shape) {
  return find_shape(shape)->config;
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

TEST(PassSteps, AreFourALayerAndTheLogits) {
  const std::vector<PassStep> steps = pass_steps(config_of("llama-2-70b"), 4);
  ASSERT_EQ(steps.size(), 4u * 80 + 1);
  const std::int64_t gathered[] = {8192, 8192, 28672, 8192};
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(steps[i].gathered, gathered[i % 4]);
    EXPECT_EQ(steps[i].packed, i % 2 == 0);
    EXPECT_EQ(steps[i].layer, static_cast<int>(i / 4));
    EXPECT_EQ(steps[i].cache.empty(), i % 4 != 0);
  }
  EXPECT_EQ(steps.back().gathered, 32000);
  EXPECT_EQ(steps.back().layer, -1);
}

// 8192 + 8192 + 28672 + 8192 values of 4 bytes; the first and the third
// gather carry activations that are smaller.
TEST(PassSteps, GatherTheBytesOfTheirRows) {
  const std::vector<PassStep> steps = pass_steps(config_of("llama-2-70b"), 2);
  const auto layer_bytes = [&](DType weights, std::int64_t rows) {
    double bytes = 0;
    for (size_t i = 0; i < 4; ++i) {
      bytes += gathered_bytes(steps[i], weights, rows);
    }
    return bytes;
  };
  EXPECT_DOUBLE_EQ(layer_bytes(DType::kF32, 1), 212992);
  EXPECT_DOUBLE_EQ(layer_bytes(DType::kBF16, 1), 139264);
  EXPECT_DOUBLE_EQ(layer_bytes(DType::kQ4_K, 1), 107008);
  EXPECT_DOUBLE_EQ(layer_bytes(DType::kQ4_0, 5), 5 * 107008);
  EXPECT_DOUBLE_EQ(gathered_bytes(steps.back(), DType::kQ4_K, 2), 256000);
}

TEST(PassSteps, SplitEveryRowOnceInUnitsOf16) {
  for (const char* shape : {"llama-2-70b", "llama-2-7b", "qwen2.5-0.5b"}) {
    const std::vector<PassStep> whole = pass_steps(config_of(shape), 1);
    for (const int ranks : {2, 3, 7, 8, 64}) {
      const std::vector<PassStep> steps = pass_steps(config_of(shape), ranks);
      ASSERT_EQ(steps.size(), whole.size());
      for (size_t s = 0; s < steps.size(); ++s) {
        if (!steps[s].cache.empty()) continue;
        EXPECT_EQ(sum(steps[s].weights), whole[s].weights[0]);
      }
    }
  }
  // 8192 rows are 512 units: the first two of three ranks have 171 of them.
  const PassStep output = pass_steps(config_of("llama-2-70b"), 3)[1];
  EXPECT_THAT(output.weights,
              ::testing::ElementsAre(171 * 16 * 8192, 171 * 16 * 8192,
                                     170 * 16 * 8192));
}

TEST(PassSteps, SplitHeadsByThoseOfKeys) {
  constexpr std::int64_t kHead = 128 * 8192;  // weights of one of 70B's heads
  const auto first = [](int ranks) {
    return pass_steps(config_of("llama-2-70b"), ranks).front();
  };
  EXPECT_THAT(first(8).weights, Each((8 + 2) * kHead));
  EXPECT_THAT(first(8).cache, Each(1.0 / 8));
  // 3 + 3 + 2 of the eight.
  EXPECT_THAT(first(3).cache, ::testing::ElementsAre(0.375, 0.375, 0.25));
  EXPECT_EQ(first(3).weights[2], 2 * 10 * kHead);
}

TEST(PassSteps, ReplicateKeysWhereRanksAreMore) {
  constexpr std::int64_t kHead = 128 * 8192;
  const auto first = [](const char* shape, int ranks) {
    return pass_steps(config_of(shape), ranks).front();
  };
  EXPECT_THAT(first("llama-2-70b", 16).weights, Each((4 + 2) * kHead));
  EXPECT_THAT(first("llama-2-70b", 64).weights, Each((1 + 2) * kHead));
  EXPECT_THAT(first("llama-2-70b", 64).cache, Each(1.0 / 8));
  // Four heads of 12 ranks' have two ranks, four one.
  const PassStep uneven = first("llama-2-70b", 12);
  EXPECT_EQ(uneven.weights[0], (4 + 2) * kHead);
  EXPECT_EQ(uneven.weights[4], (8 + 2) * kHead);
  EXPECT_EQ(uneven.weights[11], (4 + 2) * kHead);
  EXPECT_EQ(sum(uneven.weights), (64 + 2 * 12) * kHead);
  // The 7B has 32 heads: half of 64 ranks have none.
  const PassStep idle = first("llama-2-7b", 64);
  EXPECT_EQ(idle.weights[31], 3 * 128 * 4096);
  EXPECT_EQ(idle.weights[32], 0);
  EXPECT_EQ(idle.cache[32], 0);
}

// Llama-2-70B with its 7B at 0.8 of an EPYC 9755's bandwidth, nothing cached.
PlanRequest epyc_request() {
  PlanRequest request;
  request.target = "llama-2-70b";
  request.draft = "llama-2-7b";
  request.q4_k_m = true;
  request.machine = {.bytes_per_second = 0.8 * 12 * 8 * 6.4e9};
  request.context = 0;
  request.verify = {{5, 1.1}};
  request.max_window = 5;
  return request;
}

Plan over(const Plan& whole, int ranks, const Network& network,
          bool split_draft = false) {
  return plan_over_ranks(whole, {.fewest = ranks,
                                 .most = ranks,
                                 .network = network,
                                 .split_draft = split_draft})
      .front();
}

double speculative_ms(const Plan& plan, std::int64_t window) {
  return 1e3 * plan.target.pass_seconds /
         expected_speedup(plan.costs, 0.8, window);
}

// What passes were expected to wait for, in ms, over 1 and 5 rows.
TEST(PlanOverRanks, MeetsTheEstimatesThatItsNetworksWereFittedTo) {
  struct Estimate {
    const char* network;
    int ranks;
    double one_row, five_rows;
  };
  constexpr Estimate kEstimates[] = {
      {"10gbe", 2, 13, 28},    {"10gbe", 4, 21, 43},    {"10gbe", 8, 33, 59},
      {"25gbe", 2, 3.0, 8.7},  {"25gbe", 4, 4.7, 13},   {"25gbe", 8, 7.0, 17},
      {"100gbe", 2, 1.3, 2.7}, {"100gbe", 4, 2.1, 4.2}, {"100gbe", 8, 3.3, 5.8},
      {"shared", 2, 0.7, 1.6}, {"shared", 4, 1.1, 2.4}, {"shared", 8, 1.7, 3.2},
  };
  PlanRequest request = epyc_request();
  const Plan one = make_plan(request);
  request.sequences = 5;
  const Plan five = make_plan(request);
  for (const Estimate& estimate : kEstimates) {
    const Network network = *Network::find(estimate.network);
    const auto milliseconds = [&](const Plan& whole) {
      return 1e3 *
             over(whole, estimate.ranks, network).target.rank->gather_seconds;
    };
    EXPECT_NEAR(milliseconds(one) / estimate.one_row, 1, 0.02)
        << estimate.network << " " << estimate.ranks;
    EXPECT_NEAR(milliseconds(five) / estimate.five_rows, 1, 0.02)
        << estimate.network << " " << estimate.ranks;
  }
}

TEST(PlanOverRanks, OneRankIsThePlanItself) {
  const Plan whole = make_plan(epyc_request());
  const Plan one = over(whole, 1, *Network::find("10gbe"));
  EXPECT_NEAR(one.target.pass_seconds, whole.target.pass_seconds, 1e-12);
  EXPECT_EQ(one.target.rank->memory.weights, whole.target.memory.weights);
  EXPECT_EQ(one.target.rank->memory.kv_cache, whole.target.memory.kv_cache);
  EXPECT_EQ(one.target.rank->gathers, 0);
  EXPECT_NEAR(one.costs.draft, whole.costs.draft, 1e-12);
  for (size_t k = 0; k < whole.costs.verify.size(); ++k) {
    EXPECT_NEAR(one.costs.verify[k], whole.costs.verify[k], 1e-12);
  }
  EXPECT_EQ(one.memory_needed(), whole.memory_needed());
}

TEST(PlanOverRanks, SplitsBytesAndTimeWhereRanksDivideThem) {
  const Plan whole = make_plan(epyc_request());
  for (const int ranks : {2, 4, 8}) {
    const Plan plan = over(whole, ranks, Network::free(), true);
    EXPECT_NEAR(plan.target.pass_seconds * ranks, whole.target.pass_seconds,
                1e-9);
    EXPECT_NEAR(plan.draft->pass_seconds * ranks, whole.draft->pass_seconds,
                1e-9);
    // Norms are on every rank.
    const double share = static_cast<double>(plan.target.rank->memory.weights) *
                         ranks /
                         static_cast<double>(whole.target.memory.weights);
    EXPECT_GE(share, 1);
    EXPECT_LT(share, 1.001);
    EXPECT_EQ(plan.target.rank->memory.kv_cache * ranks,
              whole.target.memory.kv_cache);
    EXPECT_EQ(plan.target.rank->gathers, 4 * 80 + 2);
    EXPECT_EQ(plan.draft->rank->gathers, 4 * 32 + 2);
  }
  const Plan kept = over(whole, 4, Network::free());
  EXPECT_EQ(kept.draft->pass_seconds, whole.draft->pass_seconds);
  EXPECT_EQ(kept.draft->rank->memory.total(), whole.draft->memory.total());
  EXPECT_EQ(kept.draft->rank->gathers, 0);
}

TEST(PlanOverRanks, CountsBytesOfABf16RankExactly) {
  PlanRequest request = epyc_request();
  request.q4_k_m = false;
  const Plan plan = over(make_plan(request), 3, Network::free());
  // The first rank: 3 of 8 heads of keys, 171 of 512 units of 16 rows, 598 of
  // 1792 of the inner ones, 667 of 2000 of the vocabulary; all of the norms.
  const std::int64_t heads = 3 * 10 * 128 * 8192;
  const std::int64_t o_proj = 171 * 16 * 8192;
  const std::int64_t gate_up = 2 * 598 * 16 * 8192;
  const std::int64_t down = std::int64_t{171} * 16 * 28672;
  const std::int64_t vocabulary = 2 * 667 * 16 * 8192;
  EXPECT_EQ(
      plan.target.rank->memory.weights,
      2 * (80 * (heads + o_proj + gate_up + down) + vocabulary + 161 * 8192));
}

// A rank that reads more than the others do holds all of them up.
TEST(PlanOverRanks, TheRankWithMostSetsThePace) {
  const Plan whole = make_plan(epyc_request());
  const Plan plan = over(whole, 3, Network::free());
  EXPECT_GT(plan.target.pass_seconds * 3, whole.target.pass_seconds * 1.005);
  EXPECT_GT(plan.target.rank->waiting_seconds, 0);
}

TEST(PlanOverRanks, ReadsKeysAndValuesByHeads) {
  PlanRequest request = epyc_request();
  request.context = 4096;
  const Plan whole = make_plan(request);
  // 64 ranks share eight heads, each of which reads an eighth.
  const double cached = 2.0 * 80 * 1024 * 2 * 4096 / 491.52e9;
  const auto at = [&](int ranks) {
    request.context = 0;
    const Plan empty = make_plan(request);
    return over(whole, ranks, Network::free()).target.pass_seconds -
           over(empty, ranks, Network::free()).target.pass_seconds;
  };
  EXPECT_NEAR(at(4) / (cached / 4), 1, 1e-4);
  EXPECT_NEAR(at(64) / (cached / 8), 1, 1e-4);
}

TEST(PlanOverRanks, VerificationCostsComputingAndGathersOfItsRows) {
  const Plan whole = make_plan(epyc_request());
  const Network network = *Network::find("25gbe");
  const Plan plan = over(whole, 4, network);
  PlanRequest request = epyc_request();
  request.sequences = 5;  // as many rows as the window has
  const double gathers =
      over(make_plan(request), 4, network).target.rank->gather_seconds;
  EXPECT_NEAR(plan.costs.verify[4] * plan.target.pass_seconds,
              1.1 * plan.target.rank->compute_seconds + gathers, 1e-9);
  EXPECT_DOUBLE_EQ(plan.costs.verify[0], 1);
}

// Worked out by hand: k = 5 with four passes of a draft on one socket, 3.36
// tokens an iteration. Figures in ms; sockets are ranks that share memory.
TEST(PlanOverRanks, AgreesWithWhatWasWorkedOutByHand) {
  struct Machine {
    double transfers;  // a second, of twelve channels of 8 bytes
    int ranks;
    const char* network;
    double plain, speculative;
  };
  constexpr Machine kMachines[] = {
      {6.4e9, 1, "shared", 85, 38},
      {6.4e9, 2, "shared", 43, 24},
      {6.4e9, 4, "100gbe", 23, 18},
      {8.8e9, 2, "shared", 32, 18},
  };
  for (const Machine& machine : kMachines) {
    PlanRequest request = epyc_request();
    request.machine->bytes_per_second = 0.8 * 12 * 8 * machine.transfers;
    const Plan plan = over(make_plan(request), machine.ranks,
                           *Network::find(machine.network));
    EXPECT_NEAR(1e3 * plan.target.pass_seconds / machine.plain, 1, 0.03);
    EXPECT_NEAR(speculative_ms(plan, 5) / machine.speculative, 1, 0.03);
  }
}

TEST(PlanOverRanks, SaysFromWhereTheDraftTakesLonger) {
  const Plan whole = make_plan(epyc_request());
  const Network network = *Network::find("100gbe");
  const auto plans =
      plan_over_ranks(whole, {.fewest = 1, .most = 16, .network = network});
  ASSERT_EQ(plans.size(), 16u);
  for (const Plan& plan : plans) {
    ASSERT_EQ(plan.ranks->one_rank_window, 5);
    ASSERT_TRUE(plan.ranks->drafting_dominates_from);
    const bool longer = 4 * plan.costs.draft >= plan.costs.verify[4];
    EXPECT_EQ(longer, plan.ranks->count >= *plan.ranks->drafting_dominates_from)
        << plan.ranks->count;
  }
  const Plan split = over(whole, 8, Network::free(), true);
  EXPECT_FALSE(split.ranks->drafting_dominates_from);
}

TEST(PlanOverRanks, AsksForNoMoreRanksThanWereMeasured) {
  const Plan whole = make_plan(epyc_request());
  const Network network = Network::measured("net.json", {{1000, 4, 1e-5}});
  EXPECT_GT(over(whole, 4, network).target.rank->gather_seconds, 0);
  EXPECT_TRUE(over(whole, 4, network).ranks->network_measured);
  EXPECT_THROW(over(whole, 5, network), UsageError);
  try {
    over(whole, 5, network);
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("found 5, but net.json has gathers between at most "
                          "4 ranks"));
  }
  EXPECT_THROW(over(whole, 0, Network::free()), UsageError);
  EXPECT_THROW(over(whole, 65, Network::free()), UsageError);
  for (const double jitter : {-0.1, 101.0}) {
    EXPECT_THROW(plan_over_ranks(whole, {.jitter = {jitter, 0}}), UsageError);
  }
}

TEST(PlanOverRanks, JitterSlowsComputingAlone) {
  const Plan whole = make_plan(epyc_request());
  RankOptions options{
      .fewest = 8, .most = 8, .network = *Network::find("100gbe")};
  const RankPart calm = *plan_over_ranks(whole, options)[0].target.rank;
  options.jitter = {0.2, 1};
  const RankPart rough = *plan_over_ranks(whole, options)[0].target.rank;
  EXPECT_NEAR(rough.compute_seconds / calm.compute_seconds, 1 + 0.2 * 8 / 9,
              0.01);
  EXPECT_DOUBLE_EQ(rough.gather_seconds, calm.gather_seconds);
}

TEST(PlanOverRanks, EveryRankHasItsPrice) {
  PlanRequest request = epyc_request();
  request.hourly_price = 3;
  const Plan whole = make_plan(request);
  EXPECT_EQ(whole.hourly_price_of_all(), 3);
  EXPECT_EQ(over(whole, 4, Network::free()).hourly_price_of_all(), 12);
}

}  // namespace
}  // namespace pilotfish
