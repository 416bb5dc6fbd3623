#include "kernels/cpu/simd/set.h"

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"
#include "kernels/cpu/sets.h"

// One table for the three AVX-512 sets, each with products of its own.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {
  namespace {

  namespace vnni = PILOTFISH_AVX512_SET(avx512_vnni);
  namespace bf16 = PILOTFISH_AVX512_SET(avx512_bf16);

  constexpr Kernels make(std::string_view name,
                         const simd::Products& products) {
    return simd::make_kernels<Vector>(name, products, attention);
  }

  }  // namespace

  constinit const Kernels kKernels =
      make(PILOTFISH_AVX512_NAME("avx512"),
           {activation_bytes, pack_activations, matmul, kPacked});
  constinit const Kernels kVnniKernels =
      make(PILOTFISH_AVX512_NAME("avx512_vnni"),
           {activation_bytes, pack_activations, matmul, vnni::kPacked});
  constinit const Kernels kBf16Kernels =
      make(PILOTFISH_AVX512_NAME("avx512_bf16"),
           {bf16::activation_bytes, bf16::pack_activations, bf16::matmul,
            bf16::kPacked});

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)
