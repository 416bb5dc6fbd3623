#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/simd/packed_256.h"

namespace pilotfish::avx2 {

constinit const PackedKernels kPacked =
    simd::PackedFunctions<simd::PackedFormats256>::table();

}  // namespace pilotfish::avx2
