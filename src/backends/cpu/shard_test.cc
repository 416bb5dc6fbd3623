#include "backends/cpu/shard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "base/thread_team.h"
#include "kernels/linear.h"

namespace pilotfish {
namespace {

ModelConfig config_of(std::int64_t heads, std::int64_t kv_heads,
                      std::int64_t hidden, std::int64_t ffn) {
  ModelConfig config;
  config.hidden_size = hidden;
  config.vocab_size = 1000;
  LayerConfig layer;
  layer.attention.n_heads = heads;
  layer.attention.n_kv_heads = kv_heads;
  layer.attention.head_dim = 32;
  layer.ffn = DenseFfn{ffn};
  config.layers = {layer};
  return config;
}

// Whatever the number of ranks, each row and head has one rank that computes
// it, and its keys and values are there.
TEST(Shard, PartsMakeTheWhole) {
  for (const auto& [heads, kv_heads] :
       {std::pair(8, 8), {8, 2}, {6, 3}, {32, 1}, {7, 7}, {12, 4}}) {
    const ModelConfig config = config_of(heads, kv_heads, 208, 352);
    for (int ranks = 1; ranks <= 20; ++ranks) {
      std::int64_t next_head = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Shard shard(config, rank, ranks);
        const Shard::Layer& layer = shard.layer(0);
        EXPECT_EQ(layer.heads.begin, next_head);
        next_head = layer.heads.end;
        for (auto h = layer.heads.begin; h < layer.heads.end; ++h) {
          EXPECT_LE(layer.kv_heads.begin, h / (heads / kv_heads));
          EXPECT_GT(layer.kv_heads.end, h / (heads / kv_heads));
        }
        for (const RankColumns& columns :
             {layer.attended, layer.ffn, shard.hidden(), shard.vocab()}) {
          EXPECT_EQ(columns.size(), static_cast<size_t>(ranks) + 1);
          EXPECT_TRUE(std::ranges::is_sorted(columns));
          EXPECT_EQ(columns.front(), 0);
        }
        EXPECT_EQ(layer.attended.back(), heads * 32);
        EXPECT_EQ(layer.ffn.back(), 352);
        EXPECT_EQ(shard.hidden().back(), 208);
        EXPECT_EQ(shard.vocab().back(), 1000);
      }
      EXPECT_EQ(next_head, heads);
    }
  }
}

TEST(Shard, IsCutBetweenGroupsOfRowsAndBlocks) {
  const ModelConfig config = config_of(8, 8, 208, 352);
  const Shard shard(config, 1, 3);
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(shard.hidden()[i] % 16, 0);
    EXPECT_EQ(shard.vocab()[i] % 16, 0);
    EXPECT_EQ(shard.layer(0).ffn[i] % 32, 0);  // so that it travels packed
  }
  EXPECT_EQ(shard.rows(config, TensorRole::kFfnDown, 0),
            shard.mine(shard.hidden()));
  EXPECT_EQ(shard.rows(config, TensorRole::kKey, 0), (IndexRange{64, 160}));
}

// No key/value head is kept twice as long as there is one for each rank.
TEST(Shard, GivesRanksKeyValueHeadsOfTheirOwn) {
  const ModelConfig config = config_of(24, 8, 256, 256);
  for (const int ranks : {2, 3, 5, 8}) {
    std::int64_t kept = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      kept += Shard(config, rank, ranks).layer(0).kv_heads.size();
    }
    EXPECT_EQ(kept, 8);
  }
  KvLayout layout = {.dtype = DType::kF16,
                     .n_positions = 64,
                     .max_sequences = 1,
                     .blocks = 2,
                     .layers = {{.heads = 8, .head_dim = 32}}};
  EXPECT_EQ(Shard(config, 0, 4).kv_layout(layout).bytes(), layout.bytes() / 4);
}

// Why ranks split outputs and not inputs: two partial sums that are added have
// other bits than one sum, though they are as right.
TEST(Shard, PartialSumsWouldChangeBits) {
  constexpr std::int64_t kRows = 64;
  constexpr std::int64_t kColumns = 256;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> weights(kRows * kColumns);
  std::vector<float> x(kColumns);
  for (float& value : weights) value = normal(random);
  for (float& value : x) value = normal(random);

  ThreadTeam team(1);
  AlignedBuffer<std::byte> scratch;
  const auto product = [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> part;
    for (std::int64_t row = 0; row < kRows; ++row) {
      const auto first = weights.begin() + row * kColumns;
      part.insert(part.end(), first + begin, first + end);
    }
    const WeightMatrix matrix = {
        DType::kF32, reinterpret_cast<const std::byte*>(part.data()), kRows,
        end - begin};
    std::vector<float> out(kRows);
    linear(best_kernels(), team, matrix, x.data() + begin, 1, out.data(), kRows,
           scratch);
    return out;
  };
  const std::vector<float> whole = product(0, kColumns);
  std::vector<float> sums = product(0, kColumns / 2);
  const std::vector<float> rest = product(kColumns / 2, kColumns);
  for (size_t i = 0; i < sums.size(); ++i) {
    sums[i] += rest[i];
    EXPECT_NEAR(sums[i], whole[i], 1e-4);
  }
  EXPECT_NE(std::memcmp(sums.data(), whole.data(), kRows * sizeof(float)), 0);
}

}  // namespace
}  // namespace pilotfish
