#include "backends/cpu/kv_storage.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/cpu/placement.h"
#include "base/index_range.h"
#include "tensor/dtype.h"

namespace pilotfish {

CpuKvStorage::CpuKvStorage(const KvLayout& layout, const ThreadTeam& team)
    : dtype_(layout.dtype), shapes_(layout.layers) {
  for (const KvLayerShape& shape : layout.layers) {
    layers_.push_back({{}, row_bytes(layout.dtype, shape.head_dim)});
  }
  for (int node = 0; node < team.nodes(); ++node) add_pool(layout, team, node);
}

// The heads of a layer are dealt to nodes in order, so that each pool's come
// after those of the pools before it.
void CpuKvStorage::add_pool(const KvLayout& layout, const ThreadTeam& team,
                            int node) {
  // Bytes of a node's heads of a layer in a block, keys alone.
  const auto half_bytes = [&](size_t layer) {
    const IndexRange heads =
        heads_of_node(layout.layers[layer].heads, team, node);
    return (heads.end - heads.begin) * KvCache::kBlockSize *
           layers_[layer].row_bytes;
  };
  Pool pool = {};
  for (size_t i = 0; i < layers_.size(); ++i) {
    pool.block_bytes += 2 * half_bytes(i);
  }
  const auto bytes = static_cast<size_t>(layout.blocks * pool.block_bytes);
  pool.memory = HugeBuffer(bytes);
  team.place({pool.memory.data(), bytes}, node);
  std::byte* keys = pool.memory.data();
  for (size_t i = 0; i < layers_.size(); ++i) {
    const std::int64_t half = half_bytes(i);
    const std::int64_t head_bytes = KvCache::kBlockSize * layers_[i].row_bytes;
    for (std::int64_t at = 0; at < half; at += head_bytes) {
      layers_[i].heads.push_back(
          {keys + at, keys + half + at, pool.block_bytes});
    }
    keys += 2 * half;
  }
  pools_.push_back(std::move(pool));
}

CpuKvStorage::Layer CpuKvStorage::layer(std::int64_t index) const {
  const Place& place = layers_[static_cast<size_t>(index)];
  Layer layer;
  layer.heads_ = place.heads.data();
  layer.row_bytes_ = place.row_bytes;
  layer.dtype_ = dtype_;
  return layer;
}

std::int64_t CpuKvStorage::widest_row_bytes() const {
  std::int64_t widest = 0;
  for (const Place& layer : layers_) {
    widest = std::max(widest, layer.row_bytes);
  }
  return widest;
}

void CpuKvStorage::copy_block(KvBlock from, KvBlock to) {
  for (const Pool& pool : pools_) {
    std::memcpy(pool.block(to), pool.block(from),
                static_cast<size_t>(pool.block_bytes));
  }
}

void CpuKvStorage::copy_slot(KvSlot from, KvSlot to) {
  for (std::int64_t i = 0; i < std::ssize(layers_); ++i) {
    const Layer it = layer(i);
    const std::int64_t bytes = it.row_bytes();
    const auto copy = [&](std::byte* target, const std::byte* source) {
      std::memcpy(target + to.row * bytes, source + from.row * bytes,
                  static_cast<size_t>(bytes));
    };
    const std::int64_t heads =
        std::ssize(layers_[static_cast<size_t>(i)].heads);
    for (std::int64_t head = 0; head < heads; ++head) {
      copy(it.keys(to.block, head), it.keys(from.block, head));
      copy(it.values(to.block, head), it.values(from.block, head));
    }
  }
}

void CpuKvStorage::clear_block(KvBlock block) {
  for (const Pool& pool : pools_) {
    std::memset(pool.block(block), 0, static_cast<size_t>(pool.block_bytes));
  }
}

}  // namespace pilotfish
