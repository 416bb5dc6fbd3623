#ifndef PILOTFISH_MODEL_KV_LAYOUT_H_
#define PILOTFISH_MODEL_KV_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "pilotfish/kv_cache.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// What a cache keeps of each layer at each position, as keys and as values.
struct KvLayerShape {
  std::int64_t heads;
  std::int64_t head_dim;

  bool operator==(const KvLayerShape&) const = default;
};

std::vector<KvLayerShape> kv_layer_shapes(const ModelConfig& config);

// The extents of a cache: what a backend needs to know to make its storage.
struct KvLayout {
  DType dtype;
  std::int64_t n_positions;  // the most a sequence holds
  std::int64_t max_sequences;
  std::int64_t blocks;               // of KvCache::kBlockSize positions each
  std::vector<KvLayerShape> layers;  // [n_layers]

  // Bytes of a block's keys and values in this layer, halves of equal size.
  std::int64_t block_bytes(const KvLayerShape& layer) const;
  std::int64_t block_bytes() const;  // of all layers
  std::int64_t bytes() const { return blocks * block_bytes(); }
};

// Throws UsageError for options out of range.
KvLayout make_kv_layout(const ModelConfig& config,
                        const KvCacheOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_KV_LAYOUT_H_
