#include "pilotfish/kv_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "model/kv_cache_access.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

ModelConfig small_config() {
  ModelConfig config;
  LayerConfig layer;
  layer.attention.n_kv_heads = 3;
  layer.attention.head_dim = 4;
  config.set_layers(2, layer);
  config.n_positions = 100;
  return config;
}

// Keeps one stamp for each position of each block: what the moves that a cache
// asks of its storage have made of what was written.
class StampStorage final : public KvStorage {
 public:
  explicit StampStorage(const KvLayout& layout)
      : stamps_(static_cast<size_t>(layout.blocks * KvCache::kBlockSize)) {}

  std::uint32_t& at(KvSlot slot) {
    return stamps_[static_cast<size_t>(slot.block * KvCache::kBlockSize +
                                       slot.row)];
  }
  void copy_block(KvBlock from, KvBlock to) override {
    for (std::int64_t row = 0; row < KvCache::kBlockSize; ++row) {
      copy_slot({from, row}, {to, row});
    }
  }
  void copy_slot(KvSlot from, KvSlot to) override { at(to) = at(from); }
  void clear_block(KvBlock block) override {
    for (std::int64_t row = 0; row < KvCache::kBlockSize; ++row) {
      at({block, row}) = 0;
    }
  }

 private:
  std::vector<std::uint32_t> stamps_;
};

KvCache make_cache(const KvCacheOptions& options = {},
                   const ModelConfig& config = small_config()) {
  return KvCacheAccess::make(config, options, [](const KvLayout& layout) {
    return std::make_unique<StampStorage>(layout);
  });
}

// What a cache should hold: each block a shared list of stamps, copied when a
// sequence that does not own it alone writes to it.
class NaiveCache {
 public:
  using Block = std::vector<std::uint32_t>;
  struct Sequence {
    std::vector<std::shared_ptr<Block>> blocks;
    std::int64_t length = 0;
    std::vector<std::int32_t> tree;  // parents
    bool forked = false;

    std::int64_t slots() const { return length + std::ssize(tree); }
    std::uint32_t& stamp(std::int64_t slot) const {
      return (*blocks[static_cast<size_t>(slot / 32)])[static_cast<size_t>(
          slot % 32)];
    }
  };

  size_t blocks_in_use() const {
    std::set<const Block*> blocks;
    for (const auto& [id, sequence] : sequences) {
      for (const auto& block : sequence.blocks) blocks.insert(block.get());
    }
    return blocks.size();
  }

  void truncate(SequenceId id, std::int64_t length) {
    Sequence& sequence = sequences.at(id);
    sequence.length = length;
    sequence.tree.clear();
    sequence.blocks.resize(static_cast<size_t>((length + 31) / 32));
  }

  void push(SequenceId id, std::uint32_t stamp) {
    Sequence& sequence = sequences.at(id);
    write_next(sequence, stamp);
    ++sequence.length;
  }

  void push_tree(SequenceId id, std::uint32_t stamp, std::int32_t parent) {
    Sequence& sequence = sequences.at(id);
    write_next(sequence, stamp);
    sequence.tree.push_back(parent);
  }

  // Whether a block had to be copied.
  bool keep(SequenceId id, const std::vector<std::int32_t>& path) {
    Sequence& sequence = sequences.at(id);
    bool copied = false;
    for (size_t i = 0; i < path.size(); ++i) {
      if (path[i] == static_cast<std::int32_t>(i)) continue;
      const auto to = sequence.length + static_cast<std::int64_t>(i);
      auto& block = sequence.blocks[static_cast<size_t>(to / 32)];
      if (block.use_count() > 1) {
        block = std::make_shared<Block>(*block);
        copied = true;
      }
      sequence.stamp(to) = sequence.stamp(sequence.length + path[i]);
    }
    truncate(id, sequence.length + std::ssize(path));
    return copied;
  }

  static void write_next(Sequence& sequence, std::uint32_t stamp) {
    const auto row = static_cast<size_t>(sequence.slots() % 32);
    if (row == 0) {
      sequence.blocks.push_back(std::make_shared<Block>());
    } else if (sequence.blocks.back().use_count() > 1) {
      sequence.blocks.back() = std::make_shared<Block>(*sequence.blocks.back());
    }
    sequence.blocks.back()->resize(row);
    sequence.blocks.back()->push_back(stamp);
  }

  std::map<SequenceId, Sequence> sequences;
};

class Pair {
 public:
  explicit Pair(const KvCacheOptions& options)
      : cache_(make_cache(options)), access_(cache_) {}

  std::uint32_t& stamp(SequenceId id, std::int64_t slot) {
    const auto block = static_cast<size_t>(slot / KvCache::kBlockSize);
    return static_cast<StampStorage&>(access_.storage())
        .at({access_.blocks(id)[block], slot % KvCache::kBlockSize});
  }

  void write_appended(SequenceId id, std::int64_t rows) {
    const std::int64_t first = cache_.length(id) - rows;
    for (std::int64_t i = 0; i < rows; ++i) {
      naive_.push(id, write(id, first + i));
    }
  }

  void append_tree(SequenceId id, const std::vector<std::int32_t>& parents) {
    cache_.append_tree(id, parents);
    for (const std::int32_t parent : parents) {
      const std::int64_t slot = naive_.sequences.at(id).slots();
      naive_.push_tree(id, write(id, slot), parent);
    }
  }

  std::uint32_t write(SequenceId id, std::int64_t slot) {
    return stamp(id, slot) = ++last_stamp_;
  }

  void check() {
    ASSERT_EQ(cache_.blocks_in_use(), naive_.blocks_in_use());
    for (const auto& entry : naive_.sequences) {
      const SequenceId id = entry.first;
      const NaiveCache::Sequence& sequence = entry.second;
      ASSERT_EQ(cache_.length(id), sequence.length);
      ASSERT_EQ(cache_.tree_rows(id), std::ssize(sequence.tree));
      for (std::int64_t position = 0; position < sequence.slots(); ++position) {
        ASSERT_EQ(stamp(id, position), sequence.stamp(position))
            << "sequence " << id << " position " << position;
      }
    }
  }

  KvCache& cache() { return cache_; }
  KvCacheAccess& access() { return access_; }
  NaiveCache& naive() { return naive_; }

 private:
  KvCache cache_;
  KvCacheAccess access_;
  NaiveCache naive_;
  std::uint32_t last_stamp_ = 0;
};

// Random appends (alone and several at once), trees of which a path is kept,
// forks, truncations and releases,
// in a pool small enough to run out often.
TEST(KvCache, AgreesWithANaiveCacheInRandomOperations) {
  std::mt19937 random(7);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(n));
  };
  Pair pair({.n_positions = 100, .max_sequences = 4});
  KvCache& cache = pair.cache();
  auto& sequences = pair.naive().sequences;
  const auto any = [&] {
    return std::next(sequences.begin(),
                     below(static_cast<std::int64_t>(sequences.size())));
  };
  int exhausted = 0;
  int copied = 0;
  int kept = 0;
  int copied_to_keep = 0;
  for (int step = 0; step < 8000; ++step) {
    const std::int64_t action = below(16);
    if (sequences.empty() || action == 0) {
      const auto created =
          std::count_if(sequences.begin(), sequences.end(),
                        [](const auto& entry) { return !entry.second.forked; });
      if (created == 4) {
        EXPECT_THROW(cache.create(), Error);
      } else {
        const SequenceId id = cache.create();
        ASSERT_FALSE(sequences.contains(id));
        sequences[id];
      }
    } else if (action <= 2 && sequences.size() < 10) {
      const auto& [parent, source] = *any();
      const std::int64_t length = below(source.length + 1);
      const SequenceId id = cache.fork(parent, length);
      ASSERT_FALSE(sequences.contains(id));
      sequences[id] = sequences[parent];
      sequences[id].forked = true;
      pair.naive().truncate(id, length);
    } else if (action == 3) {
      const SequenceId id = any()->first;
      cache.release(id);
      sequences.erase(id);
    } else if (action <= 5) {
      const auto& [id, sequence] = *any();
      const std::int64_t length = below(sequence.length + 1);
      cache.truncate(id, length);
      pair.naive().truncate(id, length);
    } else if (action <= 8) {
      const SequenceId id = any()->first;
      const std::int64_t room = cache.room(id);
      const std::int64_t rows = below(80);
      const auto before = cache.blocks_in_use();
      if (rows > 0 && cache.tree_rows(id) > 0) {
        EXPECT_THROW(cache.append(id, rows), Error);
      } else if (rows > room) {
        ++exhausted;
        EXPECT_THROW(cache.append(id, rows), Error);
        ASSERT_EQ(cache.blocks_in_use(), before);
      } else {
        cache.append(id, rows);
        copied += cache.blocks_in_use() >
                  before + (rows + 31) / 32 * (rows > 0 ? 1 : 0);
        pair.write_appended(id, rows);
      }
    } else if (action <= 11) {
      const auto& [id, sequence] = *any();
      auto rows = static_cast<std::int32_t>(cache.tree_rows(id));
      std::vector<std::int32_t> parents(
          static_cast<size_t>(std::min(below(40), cache.room(id))));
      for (std::int32_t& parent : parents) {
        parent = static_cast<std::int32_t>(below(++rows)) - 1;
        if (below(2) == 0) parent = std::max(parent, rows - 2);
      }
      pair.append_tree(id, parents);
    } else if (action == 12) {
      const auto& [id, sequence] = *any();
      std::vector<std::int32_t> path;
      for (auto row = static_cast<std::int32_t>(
               below(std::ssize(sequence.tree) + 1) - 1);
           row >= 0; row = sequence.tree[static_cast<size_t>(row)]) {
        path.insert(path.begin(), row);
      }
      const auto free = cache.blocks() - cache.blocks_in_use();
      try {
        cache.keep(id, path);
        kept += path.size() > 1;
        copied_to_keep += pair.naive().keep(id, path);
      } catch (const Error&) {
        ASSERT_EQ(free, 0);
      }
    } else {
      // All or none; whether it must succeed is for the blocks to say.
      std::vector<KvGrowth> growths;
      for (const auto& [id, sequence] : sequences) {
        if (sequence.tree.empty() && below(2) == 0)
          growths.push_back({id, below(20)});
      }
      const auto before = cache.blocks_in_use();
      try {
        pair.access().append(growths);
        for (const auto& [id, rows, parents] : growths)
          pair.write_appended(id, rows);
      } catch (const Error&) {
        ASSERT_EQ(cache.blocks_in_use(), before);
      }
    }
    ASSERT_NO_FATAL_FAILURE(pair.check()) << "step " << step;
  }
  EXPECT_GT(exhausted, 100);
  EXPECT_GT(copied, 0);
  EXPECT_GT(kept, 100);
  EXPECT_GT(copied_to_keep, 0);
}

TEST(KvCache, HoldsAsManyFullSequencesAsItWasMadeFor) {
  KvCache cache = make_cache({70, 3, DType::kF32});
  EXPECT_EQ(cache.blocks(), 9);
  // 9 blocks x 2 layers x (keys, values) x 3 heads x 32 positions x 4 floats
  EXPECT_EQ(cache.bytes(), 9 * 2 * 2 * 3 * 32 * 4 * 4);
  EXPECT_EQ(cache.bytes(),
            KvCache::bytes_needed(small_config(), {70, 3, DType::kF32}));
  for (int i = 0; i < 3; ++i) cache.append(cache.create(), 70);
  EXPECT_EQ(cache.blocks_in_use(), 9);
  EXPECT_EQ(cache.room(0), 0);
  EXPECT_THROW(cache.append(0, 1), Error);
  EXPECT_THROW(cache.create(), Error);
}

// Two forks in the middle of a block, and their parent: as many copies as
// writers, save that the last one left has the block to itself.
TEST(KvCache, CountsTheCopiesOfAJointAppendExactly) {
  KvCache cache = make_cache({64, 2, DType::kF16});
  const SequenceId parent = cache.create();
  cache.append(parent, 40);
  const SequenceId a = cache.fork(parent, 35);
  const SequenceId b = cache.fork(parent, 38);
  EXPECT_EQ(cache.blocks_in_use(), 2);
  const std::vector<KvGrowth> all = {{parent, 1}, {a, 1}, {b, 1}};
  KvCacheAccess(cache).append(all);
  EXPECT_EQ(cache.blocks_in_use(), 4);  // all of them
  cache.truncate(a, 3);
  EXPECT_EQ(cache.blocks_in_use(), 3);
  // One block free: enough for one writer to the shared first block, not two.
  const SequenceId c = cache.fork(parent, 4);
  const std::vector<KvGrowth> two = {{a, 1}, {c, 1}};
  EXPECT_THROW(KvCacheAccess(cache).append(two), Error);
  EXPECT_EQ(cache.length(a), 3);
  EXPECT_EQ(cache.blocks_in_use(), 3);
  cache.append(c, 1);
  EXPECT_EQ(cache.room(a), 0);
}

TEST(KvCache, PositionsAndPoolBoundTheRoom) {
  KvCache cache = make_cache({64, 1, DType::kF16});
  const SequenceId parent = cache.create();
  EXPECT_EQ(cache.room(parent), 64);
  cache.append(parent, 33);
  EXPECT_EQ(cache.room(parent), 31);
  const SequenceId child = cache.fork(parent, 33);
  EXPECT_EQ(cache.room(child), 0);  // no block left to copy into
  EXPECT_THROW(cache.append(child, 1), Error);
  cache.truncate(child, 32);
  EXPECT_EQ(cache.room(child), 0);
  cache.release(parent);
  EXPECT_EQ(cache.room(child), 32);
}

TEST(KvCache, RefusesIdsAndLengthsThatCannotBe) {
  KvCache cache = make_cache();
  EXPECT_EQ(cache.n_positions(), 100);
  EXPECT_EQ(cache.dtype(), DType::kF16);
  const SequenceId id = cache.create();
  cache.append(id, 5);
  EXPECT_THROW(cache.length(-1), UsageError);
  EXPECT_THROW(cache.length(id + 1), UsageError);
  EXPECT_THROW(cache.fork(id, 6), UsageError);
  EXPECT_THROW(cache.fork(id, -1), UsageError);
  EXPECT_THROW(cache.truncate(id, 6), UsageError);
  EXPECT_THROW(cache.truncate(id, -1), UsageError);
  EXPECT_THROW(cache.append(id, -1), Error);
  EXPECT_EQ(cache.length(id), 5);
  cache.release(id);
  EXPECT_THROW(cache.release(id), UsageError);
  EXPECT_THROW(cache.append(id, 1), UsageError);
}

TEST(KvCache, RefusesTreesThatCannotBe) {
  KvCache cache = make_cache();
  const SequenceId id = cache.create();
  cache.append(id, 5);
  const auto append = [&](std::vector<std::int32_t> parents) {
    cache.append_tree(id, parents);
  };
  const auto keep = [&](std::vector<std::int32_t> path) {
    cache.keep(id, path);
  };
  EXPECT_THROW(append({0}), UsageError);
  EXPECT_THROW(append({-2}), UsageError);
  EXPECT_THROW(append({-1, 1}), UsageError);
  EXPECT_THROW(append(std::vector<std::int32_t>(96, -1)), Error);
  append({-1, 0, 0, -1});
  append({3, 4});
  EXPECT_EQ(cache.length(id), 5);
  EXPECT_EQ(cache.tree_rows(id), 6);
  EXPECT_EQ(cache.room(id), 89);
  EXPECT_THROW(cache.append(id, 1), UsageError);
  EXPECT_THROW(keep({1}), UsageError);        // not from the root
  EXPECT_THROW(keep({0, 1, 2}), UsageError);  // siblings
  EXPECT_THROW(keep({6}), UsageError);
  EXPECT_THROW(keep({-1}), UsageError);
  EXPECT_EQ(cache.tree_rows(id), 6);
  keep({3, 4, 5});
  EXPECT_EQ(cache.length(id), 8);
  EXPECT_EQ(cache.tree_rows(id), 0);
  append({-1, 0});
  cache.truncate(id, 8);
  EXPECT_EQ(cache.tree_rows(id), 0);
}

TEST(KvCache, RefusesOptionsOutOfRange) {
  const auto make = [](KvCacheOptions options) { return make_cache(options); };
  EXPECT_THROW(make({-1, 1, DType::kF16}), UsageError);
  EXPECT_THROW(make({std::int64_t{1} << 40, 1, DType::kF16}), UsageError);
  EXPECT_THROW(make({10, 0, DType::kF16}), UsageError);
  EXPECT_THROW(make({10, std::int64_t{1} << 40, DType::kF16}), UsageError);
  EXPECT_THROW(make({10, 1, DType::kQ4_0}), UsageError);
  EXPECT_THROW(make({10, 1, DType::kQ8_0}), UsageError);  // heads of 4
  EXPECT_THROW(make({1 << 30, 1 << 20, DType::kF16}), UsageError);
}

TEST(KvCache, SaysHowMuchMemoryIsNotToBeHad) {
  const auto exhausted = [](const KvLayout&) -> std::unique_ptr<KvStorage> {
    throw std::bad_alloc();
  };
  ModelConfig config = small_config();
  config.set_layers(1000, config.layers.front());
  try {
    KvCacheAccess::make(config, {1 << 24, 1, DType::kF16}, exhausted);
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    // 2^24 positions x 1000 layers x (keys, values) x 3 heads x 4 halves
    EXPECT_STREQ(
        error.what(),
        "not enough memory: 750 GiB asked for a KV cache of 1 x "
        "16777216 positions in f16; lower n_positions or the number of "
        "sequences");
  }
}

}  // namespace
}  // namespace pilotfish
