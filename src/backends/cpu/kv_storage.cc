#include "backends/cpu/kv_storage.h"

#include <algorithm>
#include <cstring>

#include "tensor/dtype.h"

namespace pilotfish {

CpuKvStorage::CpuKvStorage(const KvLayout& layout)
    : dtype_(layout.dtype),
      block_bytes_(layout.block_bytes()),
      pool_(static_cast<size_t>(layout.bytes())) {
  std::int64_t at = 0;
  for (const KvLayerShape& shape : layout.layers) {
    const std::int64_t bytes = layout.block_bytes(shape);
    const std::int64_t row = row_bytes(layout.dtype, shape.head_dim);
    layers_.push_back({.keys = at,
                       .values = at + bytes / 2,
                       .end = at + bytes,
                       .head = KvCache::kBlockSize * row,
                       .row = row});
    at += bytes;
  }
}

CpuKvStorage::Layer CpuKvStorage::layer(std::int64_t index) const {
  const Place& place = layers_[static_cast<size_t>(index)];
  Layer layer;
  layer.keys_ = pool_.data() + place.keys;
  layer.values_ = pool_.data() + place.values;
  layer.block_bytes_ = block_bytes_;
  layer.head_bytes_ = place.head;
  layer.row_bytes_ = place.row;
  layer.dtype_ = dtype_;
  return layer;
}

std::int64_t CpuKvStorage::widest_row_bytes() const {
  std::int64_t widest = 0;
  for (const Place& layer : layers_) widest = std::max(widest, layer.row);
  return widest;
}

void CpuKvStorage::copy_block(KvBlock from, KvBlock to) {
  std::memcpy(block_at(to), block_at(from), static_cast<size_t>(block_bytes_));
}

// Keys and values of a layer are alike, so one stride walks through both.
void CpuKvStorage::copy_slot(KvSlot from, KvSlot to) {
  const std::byte* const source = block_at(from.block);
  std::byte* const target = block_at(to.block);
  for (const Place& layer : layers_) {
    for (std::int64_t at = layer.keys; at < layer.end; at += layer.head) {
      std::memcpy(target + at + to.row * layer.row,
                  source + at + from.row * layer.row,
                  static_cast<size_t>(layer.row));
    }
  }
}

void CpuKvStorage::clear_block(KvBlock block) {
  std::memset(block_at(block), 0, static_cast<size_t>(block_bytes_));
}

}  // namespace pilotfish
