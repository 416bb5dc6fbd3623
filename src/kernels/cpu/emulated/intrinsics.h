#ifndef PILOTFISH_KERNELS_CPU_EMULATED_INTRINSICS_H_
#define PILOTFISH_KERNELS_CPU_EMULATED_INTRINSICS_H_

// AVX-512 for processors without it, for tests: SIMDe's intrinsics, and here
// those that its version 0.7 lacks, made of AVX2 halves.
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cstdint>
#include <cstring>

namespace pilotfish::emulated {
namespace {

// A 512-bit vector as its two halves.
template <typename Types>
struct Halves {
  typename Types::Half low, high;
  explicit Halves(typename Types::Whole x) { std::memcpy(this, &x, sizeof x); }
  Halves(typename Types::Half l, typename Types::Half h) : low(l), high(h) {}
  typename Types::Whole whole() const {
    typename Types::Whole x;
    std::memcpy(&x, this, sizeof x);
    return x;
  }
};

struct FloatTypes {
  using Half = __m256;
  using Whole = simde__m512;
};
struct DoubleTypes {
  using Half = __m256d;
  using Whole = simde__m512d;
};
struct IntegerTypes {
  using Half = __m256i;
  using Whole = simde__m512i;
};
using Floats = Halves<FloatTypes>;
using Doubles = Halves<DoubleTypes>;
using Integers = Halves<IntegerTypes>;

__m256 extractf32x8_ps(simde__m512 x, int half) {
  return half == 0 ? Floats(x).low : Floats(x).high;
}

simde__m512 maskz_loadu_ps(unsigned mask, const float* p) {
  float lanes[16] = {};
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) lanes[i] = p[i];
  }
  return simde_mm512_loadu_ps(lanes);
}

// Element i is element source(i) of a and b in a row.
template <typename Source>
simde__m512 shuffled(simde__m512 a, simde__m512 b, const Source& source) {
  float from[32], to[16];
  std::memcpy(from, &a, sizeof a);
  std::memcpy(from + 16, &b, sizeof b);
  for (int i = 0; i < 16; ++i) to[i] = from[source(i)];
  return simde_mm512_loadu_ps(to);
}

// Four lanes of four floats: two lanes of a, then two of b.
simde__m512 shuffle_f32x4(simde__m512 a, simde__m512 b, int lanes) {
  return shuffled(a, b, [=](int i) {
    return i / 8 * 16 + 4 * (lanes >> 2 * (i / 4) & 3) + i % 4;
  });
}

// In each lane, two elements of a's, then two of b's.
simde__m512 shuffle_ps(simde__m512 a, simde__m512 b, int elements) {
  return shuffled(a, b, [=](int i) {
    return i % 4 / 2 * 16 + i / 4 * 4 + (elements >> 2 * (i % 4) & 3);
  });
}

void mask_storeu_ps(float* p, unsigned mask, simde__m512 x) {
  float lanes[16];
  simde_mm512_storeu_ps(lanes, x);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) p[i] = lanes[i];
  }
}

simde__m512 cvtph_ps(__m256i x) {
  return Floats(_mm256_cvtph_ps(_mm256_castsi256_si128(x)),
                _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1)))
      .whole();
}

__m256i cvtps_ph(simde__m512 x) {
  const Floats halves(x);
  return _mm256_set_m128i(_mm256_cvtps_ph(halves.high, 8),
                          _mm256_cvtps_ph(halves.low, 8));
}

simde__m512d cvtps_pd(__m256 x) {
  return Doubles(_mm256_cvtps_pd(_mm256_castps256_ps128(x)),
                 _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)))
      .whole();
}

simde__m512i cvtepu16_epi32(__m256i x) {
  return Integers(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(x)),
                  _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1)))
      .whole();
}

simde__m512i cvtepi8_epi32(__m128i x) {
  return Integers(_mm256_cvtepi8_epi32(x),
                  _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8)))
      .whole();
}

simde__m512i cvtepu8_epi32(__m128i x) {
  return Integers(_mm256_cvtepu8_epi32(x),
                  _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8)))
      .whole();
}

// Not inlined: the sets have hundreds of them.
[[gnu::noinline]] simde__m512i dpbusd_epi32(simde__m512i sum, simde__m512i a,
                                            simde__m512i b) {
  std::int32_t sums[16];
  std::uint8_t left[64];
  std::int8_t right[64];
  std::memcpy(sums, &sum, sizeof sums);
  std::memcpy(left, &a, sizeof left);
  std::memcpy(right, &b, sizeof right);
  for (int i = 0; i < 64; ++i) sums[i / 4] += left[i] * right[i];
  std::memcpy(&sum, sums, sizeof sum);
  return sum;
}

simde__m512 cvtepi32_ps(simde__m512i x) {
  const Integers halves(x);
  return Floats(_mm256_cvtepi32_ps(halves.low), _mm256_cvtepi32_ps(halves.high))
      .whole();
}

__m256i cvtepi32_epi16(simde__m512i x) {
  std::int32_t wide[16];
  std::memcpy(wide, &x, sizeof wide);
  std::int16_t narrow[16];
  for (int i = 0; i < 16; ++i) narrow[i] = static_cast<std::int16_t>(wide[i]);
  __m256i result;
  std::memcpy(&result, narrow, sizeof result);
  return result;
}

}  // namespace
}  // namespace pilotfish::emulated

// clang makes macros of some.
#undef _mm512_extractf32x8_ps
#undef _mm512_shuffle_f32x4
#undef _mm512_shuffle_ps
#undef _mm512_maskz_loadu_ps
#undef _mm512_mask_storeu_ps
#undef _mm512_cvtph_ps
#undef _mm512_cvtps_ph
#undef _mm512_cvtps_pd
#undef _mm512_cvtepu16_epi32
#undef _mm512_cvtepi8_epi32
#undef _mm512_cvtepu8_epi32
#undef _mm512_dpbusd_epi32
#undef _mm512_cvtepi32_ps
#undef _mm512_cvtepi32_epi16
#define _mm512_extractf32x8_ps pilotfish::emulated::extractf32x8_ps
#define _mm512_shuffle_f32x4 pilotfish::emulated::shuffle_f32x4
#define _mm512_shuffle_ps pilotfish::emulated::shuffle_ps
#define _mm512_maskz_loadu_ps pilotfish::emulated::maskz_loadu_ps
#define _mm512_mask_storeu_ps pilotfish::emulated::mask_storeu_ps
#define _mm512_cvtph_ps pilotfish::emulated::cvtph_ps
#define _mm512_cvtps_ph(x, rounding) pilotfish::emulated::cvtps_ph(x)
#define _mm512_cvtps_pd pilotfish::emulated::cvtps_pd
#define _mm512_cvtepu16_epi32 pilotfish::emulated::cvtepu16_epi32
#define _mm512_cvtepi8_epi32 pilotfish::emulated::cvtepi8_epi32
#define _mm512_cvtepu8_epi32 pilotfish::emulated::cvtepu8_epi32
#define _mm512_dpbusd_epi32 pilotfish::emulated::dpbusd_epi32
#define _mm512_cvtepi32_ps pilotfish::emulated::cvtepi32_ps
#define _mm512_cvtepi32_epi16 pilotfish::emulated::cvtepi32_epi16

#endif  // PILOTFISH_KERNELS_CPU_EMULATED_INTRINSICS_H_
