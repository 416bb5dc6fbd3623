#include "kernels/cpu/simd/attention.h"

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"

namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {

  void attention(const AttentionArgs& args) { simd::attention<Vector>(args); }

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)
