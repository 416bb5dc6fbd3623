#ifndef PILOTFISH_KERNELS_CPU_SIMD_ELEMENTWISE_H_
#define PILOTFISH_KERNELS_CPU_SIMD_ELEMENTWISE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd/math.h"
#include "kernels/kernels.h"
#include "tensor/quantise.h"

// The steps that treat each element alone, and rms_norm, for vectors V.
namespace pilotfish::simd {

// The first n of a vector, n in [0, kLanes] or more; zeros after them.
template <typename V>
typename V::Floats load_at_most(const float* p, std::int64_t n) {
  return n >= V::kLanes ? V::load(p) : V::load(p, n);
}
template <typename V>
void store_at_most(float* p, typename V::Floats x, std::int64_t n) {
  if (n >= V::kLanes) {
    V::store(p, x);
  } else {
    V::store(p, x, n);
  }
}

template <typename V>
void store(DType dtype, const float* source, std::byte* out, std::int64_t n) {
  if (dtype == DType::kF32) {
    std::memcpy(out, source, static_cast<size_t>(n) * sizeof(float));
    return;
  }
  if (dtype == DType::kQ8_0) {
    quantise_row(dtype, source, out, n);
    return;
  }
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) {
    const typename V::Floats x = V::load(source + i);
    if (dtype == DType::kBF16) {
      V::store_bf16(out + 2 * i, x);
    } else {
      V::store_f16(out + 2 * i, x);
    }
  }
  quantise_row(dtype, source + i, out + 2 * i, n - i);
}

// The squares are summed in four interleaved accumulators, in one fixed order.
template <typename V>
void rms_norm(const float* x, const float* weight, float epsilon, float* out,
              std::int64_t n) {
  constexpr int kSums = 4;
  typename V::Floats sums[kSums] = {V::zero(), V::zero(), V::zero(), V::zero()};
  std::int64_t i = 0;
  for (; i + kSums * V::kLanes <= n; i += kSums * V::kLanes) {
    for (int s = 0; s < kSums; ++s) {
      const typename V::Floats v = V::load(x + i + s * V::kLanes);
      sums[s] = V::fma(v, v, sums[s]);
    }
  }
  for (int s = 0; i < n; i += V::kLanes, ++s) {
    const typename V::Floats v = load_at_most<V>(x + i, n - i);
    sums[s] = V::fma(v, v, sums[s]);
  }
  const float squares =
      V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  const float mean = squares / static_cast<float>(n) + epsilon;
  const typename V::Floats scale = V::broadcast(1 / V::square_root(mean));
  for (i = 0; i < n; i += V::kLanes) {
    const std::int64_t left = n - i;
    const typename V::Floats scaled =
        V::multiply(load_at_most<V>(x + i, left), scale);
    store_at_most<V>(
        out + i, V::multiply(scaled, load_at_most<V>(weight + i, left)), left);
  }
}

// Turns (a, b) by the angle.
template <typename V>
void turn(typename V::Floats& a, typename V::Floats& b,
          typename V::Floats cosine, typename V::Floats sine) {
  const typename V::Floats x = a;
  a = V::fnma(b, sine, V::multiply(x, cosine));
  b = V::fma(x, sine, V::multiply(b, cosine));
}

template <typename V>
void rope(float* head, const float* cosines, const float* sines,
          std::int64_t rotary_dim, bool interleaved) {
  const std::int64_t pairs = rotary_dim / 2;
  for (std::int64_t i = 0; i < pairs; i += V::kLanes) {
    const std::int64_t left = pairs - i;
    const typename V::Floats cosine = load_at_most<V>(cosines + i, left);
    const typename V::Floats sine = load_at_most<V>(sines + i, left);
    if (!interleaved) {
      typename V::Floats a = load_at_most<V>(head + i, left);
      typename V::Floats b = load_at_most<V>(head + pairs + i, left);
      turn<V>(a, b, cosine, sine);
      store_at_most<V>(head + i, a, left);
      store_at_most<V>(head + pairs + i, b, left);
      continue;
    }
    // 2 `left` floats: as much as there is for the first vector, the rest for
    // the second.
    float* p = head + 2 * i;
    const std::int64_t second = 2 * left > V::kLanes ? 2 * left - V::kLanes : 0;
    typename V::Floats low = load_at_most<V>(p, 2 * left);
    typename V::Floats high =
        second > 0 ? load_at_most<V>(p + V::kLanes, second) : V::zero();
    typename V::Floats a, b;
    V::deinterleave(low, high, a, b);
    turn<V>(a, b, cosine, sine);
    V::interleave(a, b, low, high);
    store_at_most<V>(p, low, 2 * left);
    if (second > 0) store_at_most<V>(p + V::kLanes, high, second);
  }
}

template <typename V>
void silu_multiply(const float* gate, const float* up, float* out,
                   std::int64_t n) {
  const typename V::Floats one = V::broadcast(1);
  for (std::int64_t i = 0; i < n; i += V::kLanes) {
    const std::int64_t left = n - i;
    const typename V::Floats x = load_at_most<V>(gate + i, left);
    const typename V::Floats silu =
        V::divide(x, V::add(one, exponential<V>(V::subtract(V::zero(), x))));
    store_at_most<V>(out + i, V::multiply(silu, load_at_most<V>(up + i, left)),
                     left);
  }
}

template <typename V>
void add(const float* x, float* inout, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += V::kLanes) {
    const std::int64_t left = n - i;
    store_at_most<V>(
        inout + i,
        V::add(load_at_most<V>(inout + i, left), load_at_most<V>(x + i, left)),
        left);
  }
}

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_ELEMENTWISE_H_
