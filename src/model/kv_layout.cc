#include "model/kv_layout.h"

#include <fmt/format.h>

#include <limits>

#include "model/kv_storage.h"
#include "pilotfish/error.h"
#include "tensor/dtype.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kMaxPositions = std::int64_t{1} << 30;
constexpr std::int64_t kMaxSequences = std::int64_t{1} << 20;

void check_options(const KvCacheOptions& options) {
  if (!KvCache::stores(options.dtype)) {
    throw UsageError(
        fmt::format("KV cache type {}: must be f32, f16, bf16 or q8_0",
                    dtype_name(options.dtype)));
  }
  if (options.n_positions < 0 || options.n_positions > kMaxPositions) {
    throw UsageError(fmt::format("n_positions {}: must lie between 0 and {}",
                                 options.n_positions, kMaxPositions));
  }
  if (options.max_sequences < 1 || options.max_sequences > kMaxSequences) {
    throw UsageError(fmt::format("max_sequences {}: must lie between 1 and {}",
                                 options.max_sequences, kMaxSequences));
  }
}

void check_heads(const std::vector<KvLayerShape>& layers, DType dtype) {
  for (const KvLayerShape& layer : layers) {
    if (layer.head_dim % block_shape(dtype).elements == 0) continue;
    throw UsageError(fmt::format(
        "KV cache type {}: this model's heads have {} elements, which is not a "
        "multiple of {}; use f16, bf16 or f32",
        dtype_name(dtype), layer.head_dim, block_shape(dtype).elements));
  }
}

}  // namespace

std::vector<KvLayerShape> kv_layer_shapes(const ModelConfig& config) {
  std::vector<KvLayerShape> shapes;
  for (const LayerConfig& layer : config.layers) {
    shapes.push_back({layer.attention.n_kv_heads, layer.attention.head_dim});
  }
  return shapes;
}

std::int64_t KvLayout::block_bytes(const KvLayerShape& layer) const {
  return 2 * layer.heads * KvCache::kBlockSize *
         row_bytes(dtype, layer.head_dim);
}

std::int64_t KvLayout::block_bytes() const {
  std::int64_t bytes = 0;
  for (const KvLayerShape& layer : layers) bytes += block_bytes(layer);
  return bytes;
}

KvLayout make_kv_layout(const ModelConfig& config,
                        const KvCacheOptions& options) {
  check_options(options);
  KvLayout layout{.dtype = options.dtype,
                  .n_positions = options.n_positions > 0 ? options.n_positions
                                                         : config.n_positions,
                  .max_sequences = options.max_sequences,
                  .blocks = 0,
                  .layers = kv_layer_shapes(config)};
  check_heads(layout.layers, layout.dtype);
  const std::int64_t full =
      (layout.n_positions + KvCache::kBlockSize - 1) / KvCache::kBlockSize;
  layout.blocks =
      options.blocks != 0 ? options.blocks : full * layout.max_sequences;
  if (layout.blocks < full) {
    throw UsageError(fmt::format(
        "KV cache of {} blocks: one sequence with {} positions needs {}; raise "
        "the memory for it, or lower n_positions",
        layout.blocks, layout.n_positions, full));
  }
  if (layout.blocks > std::numeric_limits<KvBlock>::max() ||
      layout.block_bytes() >
          std::numeric_limits<std::int64_t>::max() / layout.blocks) {
    throw UsageError(fmt::format(
        "KV cache of {} sequences with {} positions each is too large; lower "
        "n_positions or the number of sequences",
        options.max_sequences, layout.n_positions));
  }
  return layout;
}

}  // namespace pilotfish
