#include "pilotfish/inspect.h"

#include <algorithm>

#include "backends/backends.h"
#include "formats/checkpoint.h"
#include "model/config.h"
#include "pilotfish/kv_cache.h"

namespace pilotfish {
namespace {

void count(const TensorView& tensor, std::vector<DTypeTotal>& totals) {
  auto total = std::find_if(
      totals.begin(), totals.end(),
      [&](const DTypeTotal& t) { return t.dtype == tensor.dtype; });
  if (total == totals.end()) {
    total = totals.insert(totals.end(), {tensor.dtype, 0, 0, 0});
  }
  ++total->tensors;
  total->elements += tensor.elements();
  total->bytes += tensor.bytes;
}

}  // namespace

ModelDescription inspect_model(const std::filesystem::path& path) {
  const auto checkpoint = Checkpoint::open(path);
  ModelDescription description;
  description.path = path;
  description.format =
      checkpoint->kind() == Checkpoint::Kind::kGguf ? "GGUF" : "Hugging Face";
  description.config = read_config(*checkpoint);
  description.parameters = description.config.parameters();
  description.weight_bytes = 0;
  for (const TensorView& tensor : checkpoint->tensors()) {
    description.tensors.push_back(
        {tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    description.weight_bytes += tensor.bytes;
    count(tensor, description.totals);
  }
  std::stable_sort(description.totals.begin(), description.totals.end(),
                   [](const DTypeTotal& a, const DTypeTotal& b) {
                     return a.bytes > b.bytes;
                   });
  return description;
}

MemoryEstimate memory_needed(const ModelConfig& config,
                             std::int64_t weight_bytes,
                             std::int64_t n_positions, std::int64_t sequences,
                             DType kv_dtype) {
  const std::int64_t kv_cache =
      KvCache::bytes_needed(config, {n_positions, sequences, kv_dtype});
  return {weight_bytes, kv_cache,
          find_backend({}).scratch_bytes(config, sequences)};
}

}  // namespace pilotfish
