#include "kernels/cpu/simd/set.h"

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"
#include "kernels/cpu/avx_vnni/parts.h"
#include "kernels/cpu/sets.h"

// One table for the two sets with 256-bit vectors.
namespace pilotfish::avx2 {
namespace {

constexpr Kernels make(std::string_view name, const PackedKernels& packed) {
  return simd::make_kernels<Vector>(
      name, {activation_bytes, pack_activations, matmul, packed}, attention);
}

}  // namespace

constinit const Kernels kKernels = make("avx2", kPacked);
constinit const Kernels kVnniKernels = make("avx_vnni", avx_vnni::kPacked);

}  // namespace pilotfish::avx2
