#include "pilotfish/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "base/out_of_memory.h"
#include "model/kv_cache_access.h"
#include "pilotfish/error.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

std::int64_t blocks_for(std::int64_t positions) {
  return (positions + KvCache::kBlockSize - 1) / KvCache::kBlockSize;
}

}  // namespace

struct KvCache::Impl {
  struct Sequence {
    std::vector<KvBlock> blocks;
    std::int64_t length = 0;
    std::vector<std::int32_t> tree;  // the parent of each of its rows
    bool in_use = false;
    bool forked = false;

    // Of positions and the tree's rows behind them.
    std::int64_t slots() const {
      return length + static_cast<std::int64_t>(tree.size());
    }
  };

  Impl(KvLayout cache_layout, std::unique_ptr<KvStorage> cache_storage)
      : layout(std::move(cache_layout)),
        storage(std::move(cache_storage)),
        references(static_cast<size_t>(layout.blocks), 0),
        free_blocks(static_cast<size_t>(layout.blocks)) {
    // Taken from the back: low blocks first.
    for (size_t i = 0; i < free_blocks.size(); ++i) {
      free_blocks[i] = static_cast<KvBlock>(free_blocks.size() - 1 - i);
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

  std::int32_t& references_to(KvBlock block) {
    return references[static_cast<size_t>(block)];
  }

  KvBlock take_block() {
    const KvBlock block = free_blocks.back();
    free_blocks.pop_back();
    references_to(block) = 1;
    return block;
  }

  void drop_block(KvBlock block) {
    if (--references_to(block) == 0) free_blocks.push_back(block);
  }

  // Whether an append has to copy the last block before it can write to it.
  bool tail_is_shared(const Sequence& sequence) {
    return sequence.slots() % kBlockSize != 0 &&
           references_to(sequence.blocks.back()) > 1;
  }

  // Throws Error unless all of these can grow; see blocks_needed for the rest.
  void check_positions(std::span<const KvGrowth> growths) {
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

  std::int64_t blocks_needed(std::span<const KvGrowth> growths) {
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
    for (const KvBlock block : copies) ++references_to(block);
    copies.clear();
    return needed + copied;
  }

  void append(std::span<const KvGrowth> growths) {
    check_positions(growths);
    const std::int64_t needed = blocks_needed(growths);
    if (needed > static_cast<std::int64_t>(free_blocks.size())) {
      throw Error(
          fmt::format("KV cache: {} blocks needed, {} of {} free; release a "
                      "forked sequence",
                      needed, free_blocks.size(), layout.blocks));
    }
    for (const KvGrowth& growth : growths) grow(growth);
  }

  void grow(const KvGrowth& growth) {
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
  void copy_block(KvBlock& block) {
    const KvBlock copy = take_block();
    storage->copy_block(block, copy);
    drop_block(block);
    block = copy;
  }

  // Where slot i of a sequence lies.
  static KvSlot place(const Sequence& sequence, std::int64_t slot) {
    return {sequence.blocks[static_cast<size_t>(slot / kBlockSize)],
            slot % kBlockSize};
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
    KvBlock* const tail =
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
      storage->copy_slot(place(sequence, sequence.length + row()),
                         place(sequence, sequence.length + i));
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

  KvLayout layout;
  std::unique_ptr<KvStorage> storage;
  std::vector<std::int32_t> references;  // to each block
  std::vector<KvBlock> free_blocks;
  std::vector<KvBlock> copies;  // scratch of blocks_needed
  std::vector<Sequence> sequences;
  std::vector<SequenceId> free_ids;
  std::int64_t created = 0;  // sequences in use that are no forks
};

KvCache::KvCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

bool KvCache::stores(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16 || dtype == DType::kQ8_0;
}

std::int64_t KvCache::bytes_needed(const ModelConfig& config,
                                   const KvCacheOptions& options) {
  return make_kv_layout(config, options).bytes();
}

SequenceId KvCache::create() {
  if (impl_->created == impl_->layout.max_sequences) {
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
  for (const KvBlock block : child.blocks) ++impl_->references_to(block);
  return id;
}

void KvCache::release(SequenceId id) {
  Impl::Sequence& sequence = impl_->at(id);
  impl_->truncate(sequence, 0);
  if (!sequence.forked) --impl_->created;
  sequence.in_use = false;
  impl_->free_ids.push_back(id);
}

bool KvCache::has_blocks(std::span<const KvGrowth> growths) const {
  return impl_->blocks_needed(growths) <=
         static_cast<std::int64_t>(impl_->free_blocks.size());
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
  const KvGrowth growth{sequence, rows};
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
  const KvGrowth growth{sequence, static_cast<std::int64_t>(parents.size()),
                        parents};
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

DType KvCache::dtype() const { return impl_->layout.dtype; }
std::int64_t KvCache::bytes() const { return impl_->layout.bytes(); }
std::int64_t KvCache::blocks() const { return impl_->layout.blocks; }
std::int64_t KvCache::blocks_in_use() const {
  return impl_->layout.blocks -
         static_cast<std::int64_t>(impl_->free_blocks.size());
}

KvCache KvCacheAccess::make(const ModelConfig& config,
                            const KvCacheOptions& options,
                            FunctionRef<MakeKvStorage> make_storage) {
  const KvLayout layout = make_kv_layout(config, options);
  try {
    return KvCache(
        std::make_unique<KvCache::Impl>(layout, make_storage(layout)));
  } catch (const std::bad_alloc&) {
    throw out_of_memory(static_cast<std::uint64_t>(layout.bytes()),
                        fmt::format("a KV cache of {} x {} positions in {}",
                                    layout.max_sequences, layout.n_positions,
                                    dtype_name(layout.dtype)),
                        "lower n_positions or the number of sequences");
  }
}

KvCacheAccess::KvCacheAccess(KvCache& cache) : impl_(*cache.impl_) {}

const KvLayout& KvCacheAccess::layout() const { return impl_.layout; }

KvStorage& KvCacheAccess::storage() const { return *impl_.storage; }

void KvCacheAccess::append(std::span<const KvGrowth> growths) {
  impl_.append(growths);
}

std::span<const KvBlock> KvCacheAccess::blocks(SequenceId sequence) const {
  return impl_.at(sequence).blocks;
}

std::span<const std::int32_t> KvCacheAccess::tree(SequenceId sequence) const {
  return impl_.at(sequence).tree;
}

}  // namespace pilotfish
