#ifndef PILOTFISH_BACKENDS_CPU_SCRATCH_H_
#define PILOTFISH_BACKENDS_CPU_SCRATCH_H_

#include <cstddef>
#include <cstdint>

#include "base/aligned_buffer.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// What a pass computes in: rows of a tile, each as wide as the comment says in
// the widest layer. It grows to the largest pass and is used again.
struct Scratch {
  AlignedBuffer<float> x;           // hidden_size: the residual stream
  AlignedBuffer<float> normed;      // hidden_size
  AlignedBuffer<float> q;           // n_heads * head_dim
  AlignedBuffer<float> k;           // n_kv_heads * head_dim
  AlignedBuffer<float> v;           // as k
  AlignedBuffer<float> attended;    // as q
  AlignedBuffer<float> gate;        // intermediate_size
  AlignedBuffer<float> up;          // as gate
  AlignedBuffer<float> projected;   // hidden_size
  AlignedBuffer<float> cosines;     // rotary_dim / 2
  AlignedBuffer<float> sines;       // as cosines
  AlignedBuffer<std::byte> packed;  // inputs of products, as kernels want them

  // `packed_bytes`: of a row. Throws std::bad_alloc.
  void reserve(const ModelConfig& config, std::int64_t rows,
               std::int64_t packed_bytes);

  // About what so many rows take.
  static std::int64_t bytes(const ModelConfig& config, std::int64_t rows);
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_SCRATCH_H_
