#ifndef PILOTFISH_KERNELS_CPU_AVX512_PARTS_H_
#define PILOTFISH_KERNELS_CPU_AVX512_PARTS_H_

#include "kernels/cpu/avx512/vector.h"
#include "kernels/kernels.h"

// What the tables of the AVX-512 sets take from other files, as avx2/parts.h.
// The VNNI and the BF16 set differ from the first in their products alone.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {

  std::int64_t activation_bytes(DType weights, std::int64_t columns);
  void pack_activations(DType weights, const float* x, std::int64_t columns,
                        std::byte* out);
  void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end);
  extern const PackedKernels kPacked;
  void attention(const AttentionArgs& args);

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)

namespace pilotfish::PILOTFISH_AVX512_SET(avx512_vnni) {

  extern const PackedKernels kPacked;

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_vnni)

namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16) {

  std::int64_t activation_bytes(DType weights, std::int64_t columns);
  void pack_activations(DType weights, const float* x, std::int64_t columns,
                        std::byte* out);
  void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end);
  extern const PackedKernels kPacked;

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16)

#endif  // PILOTFISH_KERNELS_CPU_AVX512_PARTS_H_
