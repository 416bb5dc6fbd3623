#include "kernels/cpu/simd/set.h"

#include "kernels/cpu/avx512/vector.h"
#include "kernels/cpu/sets.h"

namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {

  constinit const Kernels kKernels =
      simd::make_kernels<Vector>(PILOTFISH_AVX512_NAME("avx512"));

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)
