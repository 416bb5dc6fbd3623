#include <cmath>

#include "kernels/cpu/scalar/steps.h"
#include "tensor/quantise.h"

namespace pilotfish::scalar {

void store(DType dtype, const float* source, std::byte* out, std::int64_t n) {
  quantise_row(dtype, source, out, n);
}

void rms_norm(const float* x, const float* weight, float epsilon, float* out,
              std::int64_t n) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
  const auto mean = static_cast<float>(squares / static_cast<double>(n));
  const float scale = 1 / std::sqrt(mean + epsilon);
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
}

void rope(float* head, const float* cosines, const float* sines,
          std::int64_t rotary_dim, bool interleaved) {
  const std::int64_t pairs = rotary_dim / 2;
  for (std::int64_t i = 0; i < pairs; ++i) {
    float& a = head[interleaved ? 2 * i : i];
    float& b = head[interleaved ? 2 * i + 1 : i + pairs];
    const float x = a;
    const float y = b;
    a = x * cosines[i] - y * sines[i];
    b = y * cosines[i] + x * sines[i];
  }
}

void silu_multiply(const float* gate, const float* up, float* out,
                   std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  }
}

void add(const float* x, float* inout, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) inout[i] += x[i];
}

}  // namespace pilotfish::scalar
