#ifndef PILOTFISH_KERNELS_CPU_SIMD_SET_H_
#define PILOTFISH_KERNELS_CPU_SIMD_SET_H_

#include "kernels/cpu/simd/attention.h"
#include "kernels/cpu/simd/elementwise.h"
#include "kernels/cpu/simd/logits.h"
#include "kernels/cpu/simd/matmul.h"
#include "kernels/cpu/simd/packed_256.h"
#include "kernels/cpu/simd/unpack.h"
#include "kernels/kernels.h"

namespace pilotfish::simd {

template <typename V, typename Formats = PackedFormats256>
constexpr Kernels make_kernels(const char* name) {
  return {
      .name = name,
      .activation_bytes = activation_bytes<V>,
      .pack_activations = pack_activations<V>,
      .matmul = matmul<V>,
      .packed = PackedFunctions<Formats>::table(),
      .dequantise = Unpacker<V>::row,
      .store = store<V>,
      .rms_norm = rms_norm<V>,
      .rope = rope<V>,
      .silu_multiply = silu_multiply<V>,
      .add = add<V>,
      .attention = attention<V>,
      .logits = make_logit_kernels<V>(),
  };
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_SET_H_
