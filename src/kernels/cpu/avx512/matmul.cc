#include "kernels/cpu/simd/matmul.h"

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {

  std::int64_t activation_bytes(DType weights, std::int64_t columns) {
    return simd::activation_bytes<Vector>(weights, columns);
  }

  void pack_activations(DType weights, const float* x, std::int64_t columns,
                        std::byte* out) {
    simd::pack_activations<Vector>(weights, x, columns, out);
  }

  void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end) {
    simd::matmul<Vector>(args, begin, end);
  }

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)
