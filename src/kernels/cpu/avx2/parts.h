#ifndef PILOTFISH_KERNELS_CPU_AVX2_PARTS_H_
#define PILOTFISH_KERNELS_CPU_AVX2_PARTS_H_

#include "kernels/kernels.h"

// What the set's table takes from other files of this folder: they take long to
// compile, and so are compiled side by side.
namespace pilotfish::avx2 {

std::int64_t activation_bytes(DType weights, std::int64_t columns);
void pack_activations(DType weights, const float* x, std::int64_t columns,
                      std::byte* out);
void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end);
extern const PackedKernels kPacked;
void attention(const AttentionArgs& args);

}  // namespace pilotfish::avx2

#endif  // PILOTFISH_KERNELS_CPU_AVX2_PARTS_H_
