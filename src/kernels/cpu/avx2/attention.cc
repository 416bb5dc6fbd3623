#include "kernels/cpu/simd/attention.h"

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"

namespace pilotfish::avx2 {

void attention(const AttentionArgs& args) { simd::attention<Vector>(args); }

}  // namespace pilotfish::avx2
