#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/sets.h"
#include "kernels/cpu/simd/packed_512.h"
#include "kernels/cpu/simd/set.h"

// The AVX-512 set with vpdpbusd for packed weights.
namespace pilotfish::avx512_vnni {

constinit const Kernels kKernels =
    simd::make_kernels<avx512::Vector, simd::PackedFormats512>("avx512_vnni");

}  // namespace pilotfish::avx512_vnni
