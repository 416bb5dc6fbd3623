#include "pilotfish/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "base/huge_buffer.h"
#include "formats/extents.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

using BlockIndex = KvCacheAccess::BlockIndex;

constexpr std::int64_t kMaxPositions = std::int64_t{1} << 30;
constexpr std::int64_t kMaxSequences = std::int64_t{1} << 20;

std::int64_t blocks_for(std::int64_t positions) {
  return (positions + KvCache::kBlockSize - 1) / KvCache::kBlockSize;
}

// The shape of a pool, all in bytes but the last two.
struct Layout {
  std::int64_t row = 0;         // one position of one head
  std::int64_t head = 0;        // kBlockSize of those
  std::int64_t layer_half = 0;  // the keys, or the values, of one layer
  std::int64_t block = 0;
  std::int64_t pool = 0;
  std::int64_t blocks = 0;
  std::int64_t n_positions = 0;
};

Layout make_layout(const ModelConfig& config, const KvCacheOptions& options) {
  if (!KvCache::stores(options.dtype)) {
    throw UsageError(
        fmt::format("KV cache type {}: must be f32, f16, bf16 or q8_0",
                    dtype_name(options.dtype)));
  }
  if (config.head_dim % block_shape(options.dtype).elements != 0) {
    throw UsageError(fmt::format(
        "KV cache type {}: this model's heads have {} elements, no multiple of "
        "{}; use f16, bf16 or f32",
        dtype_name(options.dtype), config.head_dim,
        block_shape(options.dtype).elements));
  }
  if (options.n_positions < 0 || options.n_positions > kMaxPositions) {
    throw UsageError(fmt::format("n_positions {}: must lie between 0 and {}",
                                 options.n_positions, kMaxPositions));
  }
  if (options.max_sequences < 1 || options.max_sequences > kMaxSequences) {
    throw UsageError(fmt::format("max_sequences {}: must lie between 1 and {}",
                                 options.max_sequences, kMaxSequences));
  }
  Layout layout;
  layout.n_positions =
      options.n_positions > 0 ? options.n_positions : config.n_positions;
  const std::int64_t extents[] = {blocks_for(layout.n_positions),
                                  options.max_sequences,
                                  config.n_layers,
                                  2,
                                  config.n_kv_heads,
                                  KvCache::kBlockSize,
                                  config.head_dim};
  assert(*std::min_element(std::begin(extents), std::end(extents)) > 0);
  layout.blocks = extents[0] * extents[1];
  const auto bytes = checked_bytes(options.dtype, extents);
  if (!bytes || layout.blocks > std::numeric_limits<BlockIndex>::max()) {
    throw UsageError(fmt::format(
        "KV cache of {} sequences with {} positions each is too large; lower "
        "n_positions or the number of sequences",
        options.max_sequences, layout.n_positions));
  }
  layout.pool = *bytes;
  layout.block = layout.pool / layout.blocks;
  layout.layer_half = layout.block / config.n_layers / 2;
  layout.head = layout.layer_half / config.n_kv_heads;
  layout.row = layout.head / KvCache::kBlockSize;
  return layout;
}

// Memory that the system provides when it is first touched, in huge pages where
// it can: the blocks of a sequence lie far apart.
HugeBuffer make_pool(std::int64_t bytes, const KvCacheOptions& options,
                     std::int64_t n_positions) {
  try {
    return HugeBuffer(static_cast<size_t>(bytes));
  } catch (const std::bad_alloc&) {
    throw Error(fmt::format(
        "not enough memory for a KV cache of {:.1f} GiB ({} x {} positions in "
        "{}); lower n_positions or the number of sequences",
        static_cast<double>(bytes) / (1 << 30), options.max_sequences,
        n_positions, dtype_name(options.dtype)));
  }
}

}  // namespace

struct KvCache::Impl {
  struct Sequence {
    std::vector<BlockIndex> blocks;
    std::int64_t length = 0;
    std::vector<std::int32_t> tree;  // the parent of each of its rows
    bool in_use = false;
    bool forked = false;

    // Of positions and the tree's rows behind them.
    std::int64_t slots() const {
      return length + static_cast<std::int64_t>(tree.size());
    }
  };

  Impl(const ModelConfig& config, const KvCacheOptions& opts)
      : options(opts),
        layout(make_layout(config, opts)),
        n_layers(config.n_layers),
        n_kv_heads(config.n_kv_heads),
        head_dim(config.head_dim),
        pool(make_pool(layout.pool, opts, layout.n_positions)),
        references(static_cast<size_t>(layout.blocks), 0),
        free_blocks(static_cast<size_t>(layout.blocks)) {
    // Taken from the back: low blocks first.
    for (size_t i = 0; i < free_blocks.size(); ++i) {
      free_blocks[i] = static_cast<BlockIndex>(free_blocks.size() - 1 - i);
    }
  }

  Sequence& at(SequenceId id) {
    if (id < 0 || static_cast<size_t>(id) >= sequences.size() ||
        !sequences[static_cast<size_t>(id)].in_use) {
      throw UsageError(fmt::format("KV cache: sequence {} is not in use", id));
    }
    return sequences[static_cast<size_t>(id)];
  }

  SequenceId new_sequence(bool forked) {
    if (free_ids.empty()) {
      free_ids.push_back(static_cast<SequenceId>(sequences.size()));
      sequences.emplace_back();
    }
    const SequenceId id = free_ids.back();
    free_ids.pop_back();
    Sequence& sequence = sequences[static_cast<size_t>(id)];
    sequence.in_use = true;
    sequence.forked = forked;
    if (!forked) ++created;
    return id;
  }

  std::int32_t& references_to(BlockIndex block) {
    return references[static_cast<size_t>(block)];
  }

  BlockIndex take_block() {
    const BlockIndex block = free_blocks.back();
    free_blocks.pop_back();
    references_to(block) = 1;
    return block;
  }

  void drop_block(BlockIndex block) {
    if (--references_to(block) == 0) free_blocks.push_back(block);
  }

  // Whether an append has to copy the last block before it can write to it.
  bool tail_is_shared(const Sequence& sequence) {
    return sequence.slots() % kBlockSize != 0 &&
           references_to(sequence.blocks.back()) > 1;
  }

  // Throws Error unless all of these can grow; see blocks_needed for the rest.
  void check_positions(std::span<const KvCacheAccess::Growth> growths) {
    for (const auto& [id, rows, parents] : growths) {
      const Sequence& sequence = at(id);
      if (rows < 0 || rows > layout.n_positions - sequence.slots()) {
        throw Error(fmt::format(
            "KV cache: sequence {} holds {} of {} positions, no room for {} "
            "more; raise n_positions",
            id, sequence.slots(), layout.n_positions, rows));
      }
      check_tree(id, rows, parents);
    }
  }

  void check_tree(SequenceId id, std::int64_t rows,
                  std::span<const std::int32_t> parents) {
    const Sequence& sequence = at(id);
    if (rows > 0 && parents.empty() && !sequence.tree.empty()) {
      throw UsageError(fmt::format(
          "KV cache: sequence {} ends in a tree of {} rows; keep some of them, "
          "or truncate, before it goes on",
          id, sequence.tree.size()));
    }
    auto row = static_cast<std::int64_t>(sequence.tree.size());
    for (const std::int32_t parent : parents) {
      if (parent < -1 || parent >= row) {
        throw UsageError(
            fmt::format("KV cache: row {} of a tree follows row {}: expected "
                        "an earlier one, or -1",
                        row, parent));
      }
      ++row;
    }
  }

  std::int64_t blocks_needed(std::span<const KvCacheAccess::Growth> growths) {
    std::int64_t needed = 0;
    std::int64_t copied = 0;
    // When all who share a block copy it, the last keeps the original: so count
    // references down as the copying would, then up again.
    for (const auto& [id, rows, parents] : growths) {
      Sequence& sequence = at(id);
      if (rows > 0 && tail_is_shared(sequence)) {
        --references_to(sequence.blocks.back());
        copies.push_back(sequence.blocks.back());
        ++copied;
      }
      needed += blocks_for(sequence.slots() + rows) -
                static_cast<std::int64_t>(sequence.blocks.size());
    }
    for (const BlockIndex block : copies) ++references_to(block);
    copies.clear();
    return needed + copied;
  }

  void append(std::span<const KvCacheAccess::Growth> growths) {
    check_positions(growths);
    const std::int64_t needed = blocks_needed(growths);
    if (needed > static_cast<std::int64_t>(free_blocks.size())) {
      throw Error(
          fmt::format("KV cache: {} blocks needed, {} of {} free; release a "
                      "forked sequence",
                      needed, free_blocks.size(), layout.blocks));
    }
    for (const KvCacheAccess::Growth& growth : growths) grow(growth);
  }

  void grow(const KvCacheAccess::Growth& growth) {
    if (growth.rows == 0) return;
    Sequence& sequence = at(growth.sequence);
    if (tail_is_shared(sequence)) copy_block(sequence.blocks.back());
    if (growth.parents.empty()) {
      sequence.length += growth.rows;
    } else {
      sequence.tree.insert(sequence.tree.end(), growth.parents.begin(),
                           growth.parents.end());
    }
    const auto blocks = static_cast<size_t>(blocks_for(sequence.slots()));
    while (sequence.blocks.size() < blocks) {
      sequence.blocks.push_back(take_block());
    }
  }

  // Puts a copy that is the sequence's own in place of a shared block.
  void copy_block(BlockIndex& block) {
    const BlockIndex copy = take_block();
    std::memcpy(pool.data() + copy * layout.block,
                pool.data() + block * layout.block,
                static_cast<size_t>(layout.block));
    drop_block(block);
    block = copy;
  }

  // The keys and values of all layers.
  void copy_slot(const Sequence& sequence, std::int64_t from, std::int64_t to) {
    const auto first_head = [&](std::int64_t slot) {
      const auto block = static_cast<size_t>(slot / kBlockSize);
      return pool.data() + sequence.blocks[block] * layout.block +
             slot % kBlockSize * layout.row;
    };
    const std::byte* const source = first_head(from);
    std::byte* const target = first_head(to);
    for (std::int64_t i = 0; i < layout.block; i += layout.head) {
      std::memcpy(target + i, source + i, static_cast<size_t>(layout.row));
    }
  }

  // Requires: `path` runs down the tree from its root. Parents come before
  // their children, so a row never moves to a later slot.
  void keep(Sequence& sequence, std::span<const std::int32_t> path) {
    std::int64_t i = 0;
    const auto end = static_cast<std::int64_t>(path.size());
    const auto row = [&] { return path[static_cast<size_t>(i)]; };
    while (i < end && row() == i) ++i;
    // Only the block of the last position can be shared, with a fork that was
    // made while the tree was there.
    BlockIndex* const tail =
        sequence.length % kBlockSize == 0
            ? nullptr
            : &sequence
                   .blocks[static_cast<size_t>(sequence.length / kBlockSize)];
    if (i < end && tail != nullptr && references_to(*tail) > 1) {
      if (free_blocks.empty()) {
        throw Error(
            "KV cache: no block is free to copy one that a fork shares; "
            "release a forked sequence");
      }
      copy_block(*tail);
    }
    for (; i < end; ++i) {
      copy_slot(sequence, sequence.length + row(), sequence.length + i);
    }
    truncate(sequence, sequence.length + end);
  }

  void truncate(Sequence& sequence, std::int64_t length) {
    const auto blocks = static_cast<size_t>(blocks_for(length));
    while (sequence.blocks.size() > blocks) {
      drop_block(sequence.blocks.back());
      sequence.blocks.pop_back();
    }
    sequence.length = length;
    sequence.tree.clear();
  }

  KvCacheOptions options;
  Layout layout;
  std::int64_t n_layers;
  std::int64_t n_kv_heads;
  std::int64_t head_dim;
  HugeBuffer pool;
  std::vector<std::int32_t> references;  // to each block
  std::vector<BlockIndex> free_blocks;
  std::vector<BlockIndex> copies;  // scratch of blocks_needed
  std::vector<Sequence> sequences;
  std::vector<SequenceId> free_ids;
  std::int64_t created = 0;  // sequences in use that are no forks
};

KvCache::KvCache(const ModelConfig& config, const KvCacheOptions& options)
    : impl_(std::make_unique<Impl>(config, options)) {}
KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

bool KvCache::stores(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16 || dtype == DType::kQ8_0;
}

std::int64_t KvCache::bytes_needed(const ModelConfig& config,
                                   const KvCacheOptions& options) {
  return make_layout(config, options).pool;
}

SequenceId KvCache::create() {
  if (impl_->created == impl_->options.max_sequences) {
    throw Error(fmt::format(
        "KV cache: all {} sequences are in use; release one or make the cache "
        "for more",
        impl_->created));
  }
  return impl_->new_sequence(/*forked=*/false);
}

SequenceId KvCache::fork(SequenceId parent, std::int64_t length) {
  if (length < 0 || length > impl_->at(parent).length) {
    throw UsageError(
        fmt::format("KV cache: sequence {} has {} positions, cannot fork {}",
                    parent, impl_->at(parent).length, length));
  }
  const SequenceId id = impl_->new_sequence(/*forked=*/true);
  Impl::Sequence& child = impl_->at(id);
  const Impl::Sequence& source = impl_->at(parent);
  child.length = length;
  child.blocks.assign(source.blocks.begin(),
                      source.blocks.begin() + blocks_for(length));
  for (const BlockIndex block : child.blocks) ++impl_->references_to(block);
  return id;
}

void KvCache::release(SequenceId id) {
  Impl::Sequence& sequence = impl_->at(id);
  impl_->truncate(sequence, 0);
  if (!sequence.forked) --impl_->created;
  sequence.in_use = false;
  impl_->free_ids.push_back(id);
}

std::int64_t KvCache::length(SequenceId sequence) const {
  return impl_->at(sequence).length;
}

std::int64_t KvCache::n_positions() const { return impl_->layout.n_positions; }

std::int64_t KvCache::room(SequenceId id) const {
  const Impl::Sequence& sequence = impl_->at(id);
  const auto free = static_cast<std::int64_t>(impl_->free_blocks.size());
  const bool copy = impl_->tail_is_shared(sequence);
  if (copy && free == 0) return 0;
  const std::int64_t reachable =
      (static_cast<std::int64_t>(sequence.blocks.size()) + free - copy) *
      kBlockSize;
  return std::min(reachable, n_positions()) - sequence.slots();
}

void KvCache::append(SequenceId sequence, std::int64_t rows) {
  const KvCacheAccess::Growth growth{sequence, rows};
  impl_->append({&growth, 1});
}

std::int64_t KvCache::truncate(SequenceId id, std::int64_t length) {
  Impl::Sequence& sequence = impl_->at(id);
  if (length < 0 || length > sequence.length) {
    throw UsageError(
        fmt::format("KV cache: sequence {} has {} positions, cannot keep {}",
                    id, sequence.length, length));
  }
  impl_->truncate(sequence, length);
  return length;
}

void KvCache::append_tree(SequenceId sequence,
                          std::span<const std::int32_t> parents) {
  const KvCacheAccess::Growth growth{
      sequence, static_cast<std::int64_t>(parents.size()), parents};
  impl_->append({&growth, 1});
}

std::int64_t KvCache::tree_rows(SequenceId sequence) const {
  return static_cast<std::int64_t>(impl_->at(sequence).tree.size());
}

void KvCache::keep(SequenceId id, std::span<const std::int32_t> path) {
  Impl::Sequence& sequence = impl_->at(id);
  std::int32_t parent = -1;
  for (const std::int32_t row : path) {
    const auto rows = static_cast<std::int64_t>(sequence.tree.size());
    if (row < 0 || row >= rows ||
        sequence.tree[static_cast<size_t>(row)] != parent) {
      throw UsageError(fmt::format(
          "KV cache: row {} of the tree of sequence {} does not follow row {}",
          row, id, parent));
    }
    parent = row;
  }
  impl_->keep(sequence, path);
}

DType KvCache::dtype() const { return impl_->options.dtype; }
std::int64_t KvCache::bytes() const { return impl_->layout.pool; }
std::int64_t KvCache::blocks() const { return impl_->layout.blocks; }
std::int64_t KvCache::blocks_in_use() const {
  return impl_->layout.blocks -
         static_cast<std::int64_t>(impl_->free_blocks.size());
}

KvCacheAccess::KvCacheAccess(KvCache& cache)
    : impl_(*cache.impl_),
      pool_(impl_.pool.data()),
      block_bytes_(impl_.layout.block),
      layer_half_bytes_(impl_.layout.layer_half),
      head_bytes_(impl_.layout.head),
      row_bytes_(impl_.layout.row),
      dtype_(impl_.options.dtype) {}

bool KvCacheAccess::suits(const ModelConfig& config) const {
  return impl_.n_layers == config.n_layers &&
         impl_.n_kv_heads == config.n_kv_heads &&
         impl_.head_dim == config.head_dim;
}

void KvCacheAccess::append(std::span<const Growth> growths) {
  impl_.append(growths);
}

std::span<const BlockIndex> KvCacheAccess::blocks(SequenceId sequence) const {
  return impl_.at(sequence).blocks;
}

std::span<const std::int32_t> KvCacheAccess::tree(SequenceId sequence) const {
  return impl_.at(sequence).tree;
}

}  // namespace pilotfish
