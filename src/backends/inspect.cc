#include "pilotfish/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/backends.h"
#include "formats/checkpoint.h"
#include "model/config.h"
#include "pilotfish/kv_cache.h"
#include "tensor/quantise.h"

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

// Row-major: which element of a tensor of this shape is the i-th.
std::vector<std::int64_t> place_of(std::int64_t i,
                                   const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> place(shape.size());
  for (size_t dimension = shape.size(); dimension-- > 0;) {
    place[dimension] = i % shape[dimension];
    i /= shape[dimension];
  }
  return place;
}

// A row at a time, so that no large tensor is ever unpacked as a whole. Calls
// `read` with the bytes of each row that is done.
TensorFault check_tensor(const TensorView& tensor,
                         const std::function<void(std::int64_t)>& read) {
  TensorFault fault = {.name = tensor.name,
                       .count = 0,
                       .elements = tensor.elements(),
                       .first = {},
                       .value = 0};
  if (fault.elements == 0) return fault;
  const std::int64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  const std::int64_t rows = fault.elements / columns;
  const std::int64_t row_bytes = tensor.bytes / rows;
  std::vector<float> values(static_cast<size_t>(columns));
  for (std::int64_t row = 0; row < rows; ++row) {
    dequantise_row(tensor.dtype, tensor.data + row * row_bytes, values.data(),
                   columns);
    for (std::int64_t i = 0; i < columns; ++i) {
      const float value = values[static_cast<size_t>(i)];
      if (std::isfinite(value)) continue;
      if (fault.count++ > 0) continue;
      fault.first = place_of(row * columns + i, tensor.shape);
      fault.value = value;
    }
    read(row_bytes);
  }
  return fault;
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

std::string tensor_fault_text(const TensorFault& fault) {
  return fmt::format(
      "{} has {} of {} values that are NaN or infinite, the first at [{}]: {}",
      fault.name, fault.count, fault.elements, fmt::join(fault.first, ", "),
      fault.value);
}

std::vector<TensorFault> check_weights(
    const std::filesystem::path& path,
    const std::function<void(double)>& progress) {
  const auto checkpoint = Checkpoint::open(path);
  std::int64_t total = 0;
  for (const TensorView& tensor : checkpoint->tensors()) total += tensor.bytes;
  std::int64_t done = 0;
  const auto read = [&](std::int64_t bytes) {
    done += bytes;
    if (progress) {
      progress(static_cast<double>(done) / static_cast<double>(total));
    }
  };
  std::vector<TensorFault> faults;
  for (const TensorView& tensor : checkpoint->tensors()) {
    TensorFault fault = check_tensor(tensor, read);
    if (fault.count > 0) faults.push_back(std::move(fault));
  }
  return faults;
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
