#include "kernels/cpu/simd/set.h"

#include "kernels/cpu/avx2/vector.h"
#include "kernels/cpu/sets.h"

namespace pilotfish::avx2 {

constinit const Kernels kKernels = simd::make_kernels<Vector>("avx2");

}  // namespace pilotfish::avx2
