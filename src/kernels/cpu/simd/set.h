#ifndef PILOTFISH_KERNELS_CPU_SIMD_SET_H_
#define PILOTFISH_KERNELS_CPU_SIMD_SET_H_

#include <string_view>

#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/logits.h"
#include "kernels/cpu/simd/unpack.h"
#include "kernels/kernels.h"

namespace pilotfish::simd {

// The products of a set, in which sets of the same vectors differ.
struct Products {
  decltype(Kernels::activation_bytes) activation_bytes;
  decltype(Kernels::pack_activations) pack_activations;
  decltype(Kernels::matmul) matmul;
  const PackedKernels& packed;
};

template <typename V>
constexpr Kernels make_kernels(std::string_view name, const Products& products,
                               decltype(Kernels::attention) attention) {
  return {
      .name = name,
      .activation_bytes = products.activation_bytes,
      .pack_activations = products.pack_activations,
      .matmul = products.matmul,
      .packed = products.packed,
      .dequantise = Unpacker<V>::row,
      .store = store<V>,
      .rms_norm = rms_norm<V>,
      .rope = rope<V>,
      .silu_multiply = silu_multiply<V>,
      .add = add<V>,
      .attention = attention,
      .logits = make_logit_kernels<V>(),
  };
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_SET_H_
