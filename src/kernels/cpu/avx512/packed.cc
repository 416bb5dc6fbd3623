#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/simd/packed_256.h"

// AVX2's instructions, but 32 registers for them.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {

  constinit const PackedKernels kPacked =
      simd::PackedFunctions<simd::PackedFormats256>::table();

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)
