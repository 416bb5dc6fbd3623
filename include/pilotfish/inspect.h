#ifndef PILOTFISH_INSPECT_H_
#define PILOTFISH_INSPECT_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "pilotfish/dtype.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

struct TensorDescription {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;  // outermost first
  std::int64_t bytes;
};

// All tensors of one dtype.
struct DTypeTotal {
  DType dtype;
  std::int64_t tensors;
  std::int64_t elements;
  std::int64_t bytes;
};

struct ModelDescription {
  std::filesystem::path path;
  std::string format;  // "Hugging Face" or "GGUF"
  ModelConfig config;
  std::vector<TensorDescription> tensors;  // sorted by name
  std::vector<DTypeTotal> totals;          // most bytes first
  std::int64_t parameters;                 // as the configuration makes them
  std::int64_t weight_bytes;               // of all tensors
};

// Reads what a model says of itself, and none of its weights. Throws Error.
ModelDescription inspect_model(const std::filesystem::path& path);

// A tensor with values that are NaN or infinite. One of them is enough to make
// all of a model's logits NaN.
struct TensorFault {
  std::string name;
  std::int64_t count;               // of such values
  std::int64_t elements;            // of all
  std::vector<std::int64_t> first;  // where the first one lies, outermost first
  float value;                      // which it is
};
// "model.norm.weight has 1 of 64 values that are NaN or infinite, the first at
// [3]: nan"
std::string tensor_fault_text(const TensorFault& fault);

// Reads all weights of a model and returns the tensors with such values, by
// name. Takes about as long as reading the files. `progress` is called with the
// fraction done; it may be empty. Throws Error as inspect_model does.
std::vector<TensorFault> check_weights(
    const std::filesystem::path& path,
    const std::function<void(double)>& progress = {});

// Bytes of memory that a model takes while it runs.
struct MemoryEstimate {
  std::int64_t weights;   // mapped or copied
  std::int64_t kv_cache;  // the pool, full
  std::int64_t scratch;   // of a forward pass over a long prompt
  std::int64_t total() const { return weights + kv_cache + scratch; }
};

// Estimates memory for `sequences` of up to `n_positions` (0: the model's own),
// each asking for one row of logits per pass. `weight_bytes` is
// Model::weight_bytes or that of a description; the scratch is the default
// backend's. Throws UsageError for numbers out of range.
MemoryEstimate memory_needed(const ModelConfig& config,
                             std::int64_t weight_bytes,
                             std::int64_t n_positions, std::int64_t sequences,
                             DType kv_dtype);

}  // namespace pilotfish

#endif  // PILOTFISH_INSPECT_H_
