#include "backends/cpu/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "backends/cpu/placement.h"
#include "base/index_range.h"

namespace pilotfish {
namespace {

// Rows that one call of the attention kernel takes: few enough for many calls
// to share among threads, enough to use each key and value again.
constexpr std::int64_t kRowsPerCall = 16;

// How many rows from `begin` on go into one call of the kernel: of a tree,
// those of which each follows the one before.
std::int64_t rows_of_call(const Segment& segment, std::int64_t begin) {
  const std::int64_t most = std::min(kRowsPerCall, segment.rows - begin);
  std::int64_t rows = 1;
  while (rows < most &&
         segment.tree.follows(segment.first_slot + begin + rows)) {
    ++rows;
  }
  return rows;
}

}  // namespace

Attention::Attention(const Kernels& kernels, ThreadTeam& team)
    : kernels_(kernels),
      team_(team),
      next_(static_cast<size_t>(team.nodes())),
      tables_(static_cast<size_t>(team.size())) {}

void Attention::reserve(std::int64_t slots, std::int64_t tree_rows,
                        std::int64_t rows, std::int64_t row_bytes) {
  const auto blocks = static_cast<size_t>(slots / KvCache::kBlockSize + 1);
  const std::int64_t copies =
      tree_rows > 0 ? tree_rows / KvCache::kBlockSize + 2 : 0;
  parts_.reserve(static_cast<size_t>(rows));
  for (BlockTable& table : tables_) {
    if (table.keys.size() < blocks) table.keys.resize(2 * blocks);
    if (table.values.size() < blocks) table.values.resize(2 * blocks);
    table.path.reserve(static_cast<size_t>(tree_rows));
    table.copies.reserve(
        static_cast<size_t>(copies * 2 * KvCache::kBlockSize * row_bytes));
  }
}

void Attention::run(const AttentionTask& task) {
  parts_.clear();
  for (const Segment& segment : task.segments) {
    for (std::int64_t i = 0; i < segment.rows;) {
      const std::int64_t end = i + rows_of_call(segment, i);
      parts_.push_back(segment.part(i, end));
      i = end;
    }
  }
  deal_heads(task);
  const std::int64_t parts = std::ssize(parts_);

  // Threads take items whose cache lies in their node's memory first, then
  // others'. Parts differ in cost: threads take the next one as they finish.
  // Later rows see more positions, so the costliest come first.
  const auto take_from = [&](int node, int rank) {
    const IndexRange heads = heads_of_node_[static_cast<size_t>(node)];
    std::atomic<std::int64_t>& next = next_[static_cast<size_t>(node)].item;
    for (std::int64_t i = next++; i < parts * heads.size(); i = next++) {
      attend(task, parts_[static_cast<size_t>(parts - 1 - i / heads.size())],
             heads_[static_cast<size_t>(heads.begin + i % heads.size())],
             tables_[static_cast<size_t>(rank)]);
    }
  };
  for (NextItem& next : next_) next.item = 0;
  const auto work = [&](int rank) {
    const int home = team_.node_of(rank);
    for (int i = 0; i < team_.nodes(); ++i) {
      take_from((home + i) % team_.nodes(), rank);
    }
  };
  if (parts * std::ssize(heads_) <= 1) {
    work(0);
  } else {
    team_.run(work);
  }
}

// The query heads of one key/value head go together, so that its cache is read
// once; with few rows they are split to give every thread some.
void Attention::deal_heads(const AttentionTask& task) {
  const std::int64_t parts = std::ssize(parts_);
  std::int64_t together = task.config.n_heads / task.config.n_kv_heads;
  while (together % 2 == 0 &&
         parts * task.heads.size() / together < team_.size()) {
    together /= 2;
  }
  heads_.clear();
  for (std::int64_t head = task.heads.begin; head < task.heads.end;) {
    const std::int64_t end =
        std::min(task.heads.end, head / together * together + together);
    heads_.push_back({head, end});
    head = end;
  }
  const std::int64_t group = task.config.n_heads / task.config.n_kv_heads;
  const auto before = [&](std::int64_t kv_head) {
    return std::ranges::count_if(heads_, [&](const IndexRange& heads) {
      return heads.begin / group - task.kv_heads.begin < kv_head;
    });
  };
  heads_of_node_.clear();
  for (int node = 0; node < team_.nodes(); ++node) {
    const IndexRange kv_heads =
        heads_of_node(task.kv_heads.size(), team_, node);
    heads_of_node_.push_back({before(kv_heads.begin), before(kv_heads.end)});
  }
}

void Attention::attend(const AttentionTask& task, const Segment& rows,
                       IndexRange heads, BlockTable& table) {
  const std::int64_t kv_head =
      heads.begin / (task.config.n_heads / task.config.n_kv_heads) -
      task.kv_heads.begin;
  const std::int64_t first_position = rows.tree.position(rows.first_slot);
  const std::int64_t first_seen =
      task.config.sliding_window > 0
          ? std::max<std::int64_t>(
                0, first_position + 1 - task.config.sliding_window)
          : 0;
  const std::int64_t last_seen = first_position + rows.rows - 1;
  for (std::int64_t b = first_seen / KvCache::kBlockSize;
       b <= last_seen / KvCache::kBlockSize; ++b) {
    const auto i = static_cast<size_t>(b);
    table.keys[i] = task.cache.keys(rows.blocks[i], kv_head);
    table.values[i] = task.cache.values(rows.blocks[i], kv_head);
  }
  gather_path(task.cache, rows, kv_head, table);
  const std::int64_t stride = task.config.q_size();
  const std::int64_t offset =
      rows.first_row * stride + heads.begin * task.config.head_dim;
  kernels_.attention({
      .q = task.q + offset,
      .q_stride = stride,
      .out = task.out + offset,
      .out_stride = stride,
      .m = rows.rows,
      .group = heads.size(),
      .head_dim = task.config.head_dim,
      .first_position = first_position,
      .window = task.config.sliding_window,
      .scale = static_cast<float>(
          1 / std::sqrt(static_cast<double>(task.config.head_dim))),
      .dtype = task.cache.dtype(),
      .block_size = KvCache::kBlockSize,
      .keys = table.keys.data(),
      .values = table.values.data(),
  });
}

// A kernel reads keys and values in order of position. Where the rows on a path
// through a tree do not lie at their positions, the table gets copies of the
// blocks in which they would: what the kernel then computes is what it would
// without a tree, to the bit.
void Attention::gather_path(const CpuKvStorage::Layer& cache,
                            const Segment& rows, std::int64_t kv_head,
                            BlockTable& table) {
  const std::int64_t last_slot = rows.first_slot + rows.rows - 1;
  rows.tree.find_path(last_slot, table.path);
  const std::int64_t length = rows.tree.length;
  const std::int64_t end = length + std::ssize(table.path);
  std::int64_t moved = length;
  const auto slot_of = [&](std::int64_t position) {
    return position < length
               ? position
               : table.path[static_cast<size_t>(position - length)];
  };
  while (moved < end && slot_of(moved) == moved) ++moved;
  if (moved == end) return;

  constexpr std::int64_t kSize = KvCache::kBlockSize;
  const auto row_bytes = static_cast<size_t>(cache.row_bytes());
  std::byte* keys = table.copies.data();
  for (std::int64_t first = moved / kSize * kSize; first < end;
       first += kSize) {
    std::byte* const values = keys + kSize * cache.row_bytes();
    for (std::int64_t i = 0; i < std::min(kSize, end - first); ++i) {
      const std::int64_t slot = slot_of(first + i);
      const auto block = rows.blocks[static_cast<size_t>(slot / kSize)];
      const std::int64_t from = slot % kSize * cache.row_bytes();
      const std::int64_t to = i * cache.row_bytes();
      std::memcpy(keys + to, cache.keys(block, kv_head) + from, row_bytes);
      std::memcpy(values + to, cache.values(block, kv_head) + from, row_bytes);
    }
    table.keys[static_cast<size_t>(first / kSize)] = keys;
    table.values[static_cast<size_t>(first / kSize)] = values;
    keys = values + kSize * cache.row_bytes();
  }
}

}  // namespace pilotfish
