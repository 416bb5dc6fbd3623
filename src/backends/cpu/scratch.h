#ifndef PILOTFISH_BACKENDS_CPU_SCRATCH_H_
#define PILOTFISH_BACKENDS_CPU_SCRATCH_H_

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// How wide the rows of its buffers are, in the widest layer of a model.
struct ScratchWidths {
  explicit ScratchWidths(const ModelConfig& config);

  std::int64_t hidden;   // hidden_size
  std::int64_t q = 0;    // n_heads * head_dim
  std::int64_t kv = 0;   // n_kv_heads * head_dim
  std::int64_t ffn = 0;  // intermediate_size
  std::int64_t angles;   // Ropes::width

  std::int64_t widest() const;  // of those that ranks exchange
};

// What a pass computes in: rows of a tile. It grows to the largest pass and is
// used again.
struct Scratch {
  explicit Scratch(const ModelConfig& config) : widths(config) {}

  // Throws std::bad_alloc. `packed_bytes`: of a row.
  void reserve(std::int64_t rows, std::int64_t packed_bytes);

  // About what so many rows take.
  static std::int64_t bytes(const ModelConfig& config, std::int64_t rows);

  const ScratchWidths widths;
  AlignedBuffer<float> x;           // hidden: the residual stream
  AlignedBuffer<float> normed;      // hidden
  AlignedBuffer<float> q;           // q
  AlignedBuffer<float> k;           // kv
  AlignedBuffer<float> v;           // kv
  AlignedBuffer<float> attended;    // q
  AlignedBuffer<float> gate;        // ffn
  AlignedBuffer<float> up;          // ffn
  AlignedBuffer<float> projected;   // hidden
  AlignedBuffer<float> cosines;     // angles
  AlignedBuffer<float> sines;       // angles
  AlignedBuffer<std::byte> packed;  // inputs of products, as kernels want them
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_SCRATCH_H_
