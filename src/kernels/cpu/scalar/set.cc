#include "kernels/cpu/scalar/steps.h"
#include "kernels/cpu/sets.h"
#include "tensor/quantise.h"

namespace pilotfish::scalar {

namespace {

constexpr PackedKernels kPacked = {
    .has_bf16 = false,
    .activation_bytes = packed_activation_bytes,
    .pack_activations = pack_quantised_activations,
    .matmul = packed_matmul,
};

}  // namespace

constinit const Kernels kKernels = {
    .name = "scalar",
    .activation_bytes = activation_bytes,
    .pack_activations = pack_activations,
    .matmul = matmul,
    .packed = kPacked,
    .dequantise = dequantise_row,
    .store = store,
    .rms_norm = rms_norm,
    .rope = rope,
    .silu_multiply = silu_multiply,
    .add = add,
    .attention = attention,
    .logits =
        {
            .block_maxima = block_maxima,
            .select = select,
            .approximate_mass = approximate_mass,
            .weigh = weigh,
        },
};

}  // namespace pilotfish::scalar
