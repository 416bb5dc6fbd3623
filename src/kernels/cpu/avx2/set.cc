#include "kernels/cpu/simd/set.h"

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"
#include "kernels/cpu/sets.h"

namespace pilotfish::avx2 {

constinit const Kernels kKernels = simd::make_kernels<Vector>(
    "avx2", {activation_bytes, pack_activations, matmul, kPacked}, attention);

}  // namespace pilotfish::avx2
