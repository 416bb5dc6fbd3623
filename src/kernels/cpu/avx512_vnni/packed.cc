#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/simd/packed_512.h"

namespace pilotfish::PILOTFISH_AVX512_SET(avx512_vnni) {

  constinit const PackedKernels kPacked =
      simd::PackedFunctions<simd::PackedFormats512>::table();

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_vnni)
