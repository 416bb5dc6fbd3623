#ifndef PILOTFISH_TESTS_WATCHED_KERNELS_H_
#define PILOTFISH_TESTS_WATCHED_KERNELS_H_

#include "kernels/kernels.h"

namespace pilotfish::test {

// A copy of a set whose products, of weights in place and packed, are
// `matmul`, for tests that note who computes what. Not to be moved or copied.
struct WatchedKernels {
  WatchedKernels(const Kernels& from,
                 void (*matmul)(const MatmulArgs&, std::int64_t, std::int64_t))
      : packed(from.packed),
        kernels{from.name,
                from.activation_bytes,
                from.pack_activations,
                matmul,
                packed,
                from.dequantise,
                from.store,
                from.rms_norm,
                from.rope,
                from.silu_multiply,
                from.add,
                from.attention,
                from.logits} {
    packed.matmul = matmul;
  }
  WatchedKernels(const WatchedKernels&) = delete;
  WatchedKernels& operator=(const WatchedKernels&) = delete;

  PackedKernels packed;
  Kernels kernels;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_WATCHED_KERNELS_H_
