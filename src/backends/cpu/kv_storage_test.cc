#include "backends/cpu/kv_storage.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "backends/cpu/placement.h"
#include "base/index_range.h"
#include "fake_machine.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

constexpr KvBlock kBlocks = 3;

KvLayout layout_of(DType dtype) {
  return {.dtype = dtype,
          .n_positions = kBlocks * KvCache::kBlockSize,
          .max_sequences = 1,
          .blocks = kBlocks,
          .layers = {{3, 32}, {1, 64}, {2, 32}}};  // no layer like another
}

// One row of a head, by where it lies: block, layer, values or keys, head, row.
using Place =
    std::tuple<KvBlock, std::int64_t, bool, std::int64_t, std::int64_t>;

struct StorageCase {
  DType dtype;
  std::vector<int> nodes;  // of a team of six: their processors
};

class CpuStorage : public testing::TestWithParam<StorageCase> {
 protected:
  CpuStorage()
      : layout_(layout_of(GetParam().dtype)),
        team_(6, test::pretended_nodes(GetParam().nodes), &placed_),
        storage_(layout_, team_) {
    for_each_row([&](const Place& place, std::byte* row, size_t bytes) {
      stamp_ = static_cast<std::uint8_t>(stamp_ % 251 + 1);
      expected_[place] = stamp_;
      std::memset(row, stamp_, bytes);
    });
  }

  template <typename Function>
  void for_each_row(const Function& function) {
    for (KvBlock block = 0; block < kBlocks; ++block) {
      for (std::int64_t l = 0; l < std::ssize(layout_.layers); ++l) {
        const CpuKvStorage::Layer layer = storage_.layer(l);
        const std::int64_t heads = layout_.layers[static_cast<size_t>(l)].heads;
        for (std::int64_t head = 0; head < heads; ++head) {
          for (const bool values : {false, true}) {
            std::byte* const first =
                values ? layer.values(block, head) : layer.keys(block, head);
            for (std::int64_t row = 0; row < KvCache::kBlockSize; ++row) {
              function(Place{block, l, values, head, row},
                       first + row * layer.row_bytes(),
                       static_cast<size_t>(layer.row_bytes()));
            }
          }
        }
      }
    }
  }

  void expect_what_was_written() {
    for_each_row([&](const Place& place, const std::byte* row, size_t bytes) {
      const std::vector<std::byte> expected(bytes,
                                            std::byte{expected_.at(place)});
      ASSERT_EQ(std::memcmp(row, expected.data(), bytes), 0)
          << testing::PrintToString(place);
    });
  }

  const KvLayout layout_;
  test::RecordingPlacer placed_;
  ThreadTeam team_;
  CpuKvStorage storage_;
  std::map<Place, std::uint8_t> expected_;  // each byte of the row
  std::uint8_t stamp_ = 0;  // neighbours differ, in every direction
};

TEST_P(CpuStorage, HasAPlaceForEveryRow) { expect_what_was_written(); }

TEST_P(CpuStorage, CopiesABlockAndNothingElse) {
  storage_.copy_block(2, 0);
  for (auto& [place, stamp] : expected_) {
    auto source = place;
    std::get<0>(source) = 2;
    if (std::get<0>(place) == 0) stamp = expected_.at(source);
  }
  expect_what_was_written();
}

TEST_P(CpuStorage, CopiesASlotOfEveryLayerAndNothingElse) {
  storage_.copy_slot({2, 31}, {1, 5});
  for (auto& [place, stamp] : expected_) {
    auto source = place;
    std::get<0>(source) = 2;
    std::get<4>(source) = 31;
    if (std::get<0>(place) == 1 && std::get<4>(place) == 5) {
      stamp = expected_.at(source);
    }
  }
  expect_what_was_written();
}

TEST_P(CpuStorage, ClearsABlockAndNothingElse) {
  storage_.clear_block(1);
  for (auto& [place, stamp] : expected_) {
    if (std::get<0>(place) == 1) stamp = 0;
  }
  expect_what_was_written();
}

// A head lies in memory of the node that attends to it.
TEST_P(CpuStorage, IsPlacedByHeads) {
  for_each_row([&](const Place& place, const std::byte* row, size_t bytes) {
    const auto& [block, layer, values, head, position] = place;
    int expected = -1;
    for (int node = 0; team_.nodes() > 1 && node < team_.nodes(); ++node) {
      const IndexRange heads = heads_of_node(
          layout_.layers[static_cast<size_t>(layer)].heads, team_, node);
      if (heads.begin <= head && head < heads.end) expected = 10 + node;
    }
    EXPECT_EQ(placed_.node_of(row), expected) << testing::PrintToString(place);
    EXPECT_EQ(placed_.node_of(row + bytes - 1), expected);
  });
}

INSTANTIATE_TEST_SUITE_P(EveryType, CpuStorage,
                         testing::Values(StorageCase{DType::kF32, {}},
                                         StorageCase{DType::kF16, {}},
                                         StorageCase{DType::kBF16, {}},
                                         StorageCase{DType::kQ8_0, {}},
                                         StorageCase{DType::kF16, {1, 1}},
                                         StorageCase{DType::kQ8_0, {2, 1, 3}}),
                         [](const auto& it) {
                           return fmt::format("{}_{}",
                                              dtype_name(it.param.dtype),
                                              it.param.nodes.size());
                         });

// [block][layer][keys, values][head][position], contiguous, where there is one
// node: an item of attention reads two arrays of a block.
TEST(CpuStorageLayout, IsOnePoolOnOneNode) {
  const KvLayout layout = layout_of(DType::kF16);
  const CpuKvStorage storage(layout, ThreadTeam(1));
  const std::byte* const start = storage.layer(0).keys(0, 0);
  for (KvBlock block = 0; block < kBlocks; ++block) {
    std::int64_t at = block * layout.block_bytes();
    for (std::int64_t l = 0; l < std::ssize(layout.layers); ++l) {
      const CpuKvStorage::Layer layer = storage.layer(l);
      const KvLayerShape& shape = layout.layers[static_cast<size_t>(l)];
      for (const bool values : {false, true}) {
        for (std::int64_t head = 0; head < shape.heads; ++head) {
          EXPECT_EQ(
              (values ? layer.values(block, head) : layer.keys(block, head)) -
                  start,
              at);
          at += KvCache::kBlockSize * layer.row_bytes();
        }
      }
    }
  }
}

TEST(CpuStorageMemory, SaysHowMuchMemoryIsNotToBeHad) {
  ModelConfig config;
  LayerConfig layer;
  layer.attention.n_kv_heads = 64;
  layer.attention.head_dim = 1024;
  config.set_layers(1000, layer);
  try {
    KvCacheAccess::make(
        config, {1 << 24, 1, DType::kF16}, [](const KvLayout& layout) {
          return std::make_unique<CpuKvStorage>(layout, ThreadTeam(1));
        });
    FAIL() << "4 PiB were to be had";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("4000 TiB asked for a KV cache of 1 x "));
  }
}

}  // namespace
}  // namespace pilotfish
