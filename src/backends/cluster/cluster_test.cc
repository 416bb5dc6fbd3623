#include "pilotfish/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "backends/cluster/identity.h"
#include "backends/cluster/launch.h"
#include "backends/cluster/overlap.h"
#include "backends/cluster/testing/ranks_in_threads.h"
#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_random_model(folder_.path(), {.vocab_size = 512,
                                              .hidden_size = 256,
                                              .intermediate_size = 512,
                                              .n_heads = 8,
                                              .n_kv_heads = 8,
                                              .head_dim = 32,
                                              .dtype = DType::kBF16});
  }
  std::shared_ptr<Model> load(int ranks = 0) const {
    LoadOptions options;
    options.threads = make_threads(1);
    options.ranks = ranks;
    return Model::load(folder_.path(), options);
  }
  static void forward(Model& model, KvCache& cache) {
    Batch batch;
    batch.add(cache.create(), std::vector<Token>{1, 2, 3}, 1);
    model.forward(batch, cache);
  }

  test::TemporaryFolder folder_;
};

TEST_F(ClusterTest, RanksHoldTheirShareAndNoMore) {
  const std::int64_t whole = load()->weight_bytes();
  for (const int ranks : {2, 4, 8}) {
    const test::RanksInThreads cluster(ranks);
    const auto model = load();
    ASSERT_EQ(model->ranks().size(), static_cast<size_t>(ranks));
    for (const RankShare& rank : model->ranks()) {
      EXPECT_LE(static_cast<double>(rank.weight_bytes),
                1.05 * static_cast<double>(whole) / ranks);
    }
  }
}

TEST_F(ClusterTest, AModelCanHaveFewerRanks) {
  const test::RanksInThreads cluster(4);
  const auto two = load(2);
  EXPECT_EQ(two->ranks().size(), 2U);
  EXPECT_EQ(two->backend(), "cluster");
  const auto one = load(1);
  EXPECT_EQ(one->ranks().size(), 1U);
  EXPECT_EQ(one->backend(), "cpu");
  KvCache cache = two->make_cache({.max_sequences = 3});
  forward(*two, cache);
  // A cache of two ranks' heads is none of all ranks'.
  const auto four = load();
  EXPECT_THROW(forward(*four, cache), UsageError);
  EXPECT_THROW(forward(*one, cache), UsageError);
  EXPECT_THROW(load(5), UsageError);
  EXPECT_THROW(load(-1), UsageError);
}

TEST_F(ClusterTest, CachesMayOutliveTheirModel) {
  const test::RanksInThreads cluster(3);
  auto model = load();
  KvCache cache = model->make_cache({.max_sequences = 2});
  forward(*model, cache);
  model.reset();
  cache.fork(0, 2);
  model = load();
  forward(*model, cache);
}

TEST_F(ClusterTest, CountsGathers) {
  EXPECT_EQ(cluster_ranks(), 1);
  EXPECT_FALSE(cluster_statistics());
  EXPECT_THROW(measure_gather(1024, 2, 1), UsageError);
  const test::RanksInThreads cluster(2);
  EXPECT_EQ(cluster_ranks(), 2);
  const auto model = load();
  KvCache cache = model->make_cache();
  forward(*model, cache);
  // Four a layer, and the logits.
  EXPECT_EQ(cluster_statistics()->gathers, 4 * 2 + 1);
  EXPECT_GT(cluster_statistics()->bytes, 0);
  EXPECT_GT(measure_gather(1024, 2, 3), 0);
  EXPECT_THROW(measure_gather(1024, 3, 3), UsageError);
}

TEST_F(ClusterTest, TellsWhatRanksWaitedFor) {
  const test::RanksInThreads cluster(3);
  const auto model = load(2);
  KvCache cache = model->make_cache({.max_sequences = 2});
  forward(*model, cache);
  const auto waits = [] { return cluster_statistics()->waits; };
  ASSERT_EQ(waits().size(), 3U);
  EXPECT_GT(waits()[0].gathers, 0);
  EXPECT_GT(waits()[1].gathers, 0);
  EXPECT_EQ(waits()[2].gathers, 0);  // it has no part of the model
  // What came before the first pass does not count.
  for (const RankWaits& wait : waits()) EXPECT_EQ(wait.commands, 0);
  forward(*model, cache);
  const double between = waits()[1].commands;
  EXPECT_GT(between, 0);
  EXPECT_EQ(waits()[0].commands, 0);        // it is who the others wait for
  EXPECT_EQ(waits()[1].commands, between);  // no pass has begun since
}

// As large as Llama 2 70B, or as `hidden_size` makes it.
ModelConfig wide_model(std::int64_t hidden_size) {
  LayerConfig layer;
  layer.attention.n_heads = hidden_size / 128;
  layer.attention.n_kv_heads = 8;
  layer.attention.head_dim = 128;
  layer.ffn = DenseFfn{.intermediate_size = hidden_size * 7 / 2};
  ModelConfig config;
  config.hidden_size = hidden_size;
  config.vocab_size = 32000;
  config.layers.assign(80, layer);
  return config;
}

TEST(Overlap, NeedsStepsThatTakeSomeTime) {
  // A step has 856e6 / 4 multiplications a row.
  const ModelConfig large = wide_model(8192);
  EXPECT_EQ(fewest_rows_to_overlap(large, 1, 1), kNoRows);
  EXPECT_EQ(fewest_rows_to_overlap(large, 2, 16), 128);
  EXPECT_NEAR(static_cast<double>(fewest_rows_to_overlap(large, 8, 64)),
              2 * 1e8 * 8 * 64 / (856e6 / 4), 1);
  EXPECT_EQ(fewest_rows_to_overlap(large, 8, 128), kNoRows);
  EXPECT_EQ(fewest_rows_to_overlap(wide_model(1024), 2, 64), kNoRows);
}

TEST(Overlap, CanBeSwitchedOnAndOff) {
  const auto fewest = [](const char* value, int ranks) {
    ::setenv("PILOTFISH_OVERLAP", value, 1);
    return fewest_rows_to_overlap(wide_model(1024), ranks, 64);
  };
  EXPECT_EQ(fewest("always", 2), 128);
  EXPECT_EQ(fewest("always", 1), kNoRows);
  EXPECT_EQ(fewest("never", 2), kNoRows);
  EXPECT_EQ(fewest("", 2), kNoRows);
  EXPECT_THROW(fewest("yes", 2), UsageError);
  ::unsetenv("PILOTFISH_OVERLAP");
}

TEST_F(ClusterTest, WithoutOneRanksCannotBeAskedFor) {
  EXPECT_THROW(load(2), UsageError);
  LoadOptions options;
  options.backend = "cluster";
  EXPECT_THROW(Model::load(folder_.path(), options), UsageError);
}

TEST(Identity, TellsWhatDiffers) {
  const Identity first = {.error = {},
                          .is_usage_error = false,
                          .build = "1.0 (a)",
                          .instruction_set = "avx2",
                          .weights = 7};
  const auto differs = [&](auto change, bool mixed = false) {
    Identity other = first;
    change(other);
    return difference(first, other, mixed);
  };
  EXPECT_EQ(differs([](Identity&) {}), "");
  EXPECT_THAT(differs([](Identity& it) { it.build = "1.1 (b)"; }),
              HasSubstr("1.1 (b)"));
  EXPECT_THAT(differs([](Identity& it) { it.weights = 8; }),
              HasSubstr("another one"));
  const auto other_set = [](Identity& it) { it.instruction_set = "scalar"; };
  EXPECT_THAT(differs(other_set), HasSubstr("scalar"));
  EXPECT_EQ(differs(other_set, /*mixed=*/true), "");
  EXPECT_EQ(differs([](Identity& it) { it.error = "cut short"; }), "cut short");
}

TEST_F(ClusterTest, AnotherModelIsNoticed) {
  const auto identity = [&] {
    return identify(*Checkpoint::open(folder_.path()), "scalar");
  };
  const Identity first = identity();
  EXPECT_EQ(identity().weights, first.weights);
  test::write_random_model(folder_.path(), {.vocab_size = 512,
                                            .hidden_size = 256,
                                            .intermediate_size = 512,
                                            .n_heads = 8,
                                            .n_kv_heads = 8,
                                            .head_dim = 32,
                                            .dtype = DType::kBF16,
                                            .seed = 2});
  EXPECT_NE(identity().weights, first.weights);
}

TEST(Launch, SharesProcessorsOut) {
  std::vector<int> processors(10);
  std::iota(processors.begin(), processors.end(), 0);
  const auto share = [&](int rank, int ranks) {
    const auto span = share_of_processors(processors, rank, ranks);
    return std::vector<int>(span.begin(), span.end());
  };
  EXPECT_THAT(share(0, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(share(2, 3), ElementsAre(6, 7, 8, 9));
  EXPECT_EQ(share(0, 1), processors);
  processors.resize(2);
  EXPECT_THAT(share(0, 4), ElementsAre(0));
  EXPECT_THAT(share(1, 4), ElementsAre(0));
  EXPECT_THAT(share(3, 4), ElementsAre(1));
}

}  // namespace
}  // namespace pilotfish
