#ifndef PILOTFISH_KERNELS_CPU_SCALAR_STEPS_H_
#define PILOTFISH_KERNELS_CPU_SCALAR_STEPS_H_

#include "kernels/kernels.h"

// The reference set: plain loops, no intrinsics. See Kernels for the contracts.
namespace pilotfish::scalar {

std::int64_t activation_bytes(DType weights, std::int64_t columns);
void pack_activations(DType weights, const float* x, std::int64_t columns,
                      std::byte* out);
void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end);
std::int64_t packed_activation_bytes(DType weights, std::int64_t columns);
void pack_quantised_activations(DType weights, const float* x,
                                std::int64_t columns, std::int64_t row,
                                std::int64_t m, std::byte* out);
void packed_matmul(const MatmulArgs& args, std::int64_t begin,
                   std::int64_t end);
void store(DType dtype, const float* source, std::byte* out, std::int64_t n);
void rms_norm(const float* x, const float* weight, float epsilon, float* out,
              std::int64_t n);
void rope(float* head, const float* cosines, const float* sines,
          std::int64_t rotary_dim, bool interleaved);
void silu_multiply(const float* gate, const float* up, float* out,
                   std::int64_t n);
void add(const float* x, float* inout, std::int64_t n);
void attention(const AttentionArgs& args);

bool block_maxima(const float* logits, std::int64_t size, std::int64_t block,
                  float* maxima);
std::int64_t select(const LogitRow& row, float low, float high,
                    std::int32_t* out);
double approximate_mass(const LogitRow& row, float largest,
                        float inverse_temperature);
LogitMass weigh(const float* logits, std::int64_t size, float largest,
                double inverse_temperature, double* out);

}  // namespace pilotfish::scalar

#endif  // PILOTFISH_KERNELS_CPU_SCALAR_STEPS_H_
