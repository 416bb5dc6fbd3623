#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512 {
namespace {

double run_fma(std::int64_t rounds) {
  __m512 a = _mm512_set1_ps(1);
  __m512 sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    PILOTFISH_OPAQUE(a);
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(a, a, sum);
    for (__m512& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  double total = 0;
  for (const __m512& sum : sums) {
    float lanes[16];
    _mm512_storeu_ps(lanes, sum);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

double total_of(const __m512i (&sums)[kPeakSums]) {
  double total = 0;
  for (const __m512i& sum : sums) {
    std::int32_t lanes[16];
    _mm512_storeu_si512(lanes, sum);
    for (const std::int32_t lane : lanes) total += lane;
  }
  return total;
}

// Bytes to 16-bit pairs, to 32-bit fours, to the sum.
double run_int8(std::int64_t rounds) {
  __m512i a = _mm512_set1_epi8(1);
  const __m512i ones = _mm512_set1_epi16(1);
  __m512i sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m512i& sum : sums) {
      PILOTFISH_OPAQUE(a);
      const __m512i pairs = _mm512_maddubs_epi16(a, a);
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, ones));
    }
    for (__m512i& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  return total_of(sums);
}

__attribute__((target("avx512vnni"))) double run_vnni(std::int64_t rounds) {
  __m512i a = _mm512_set1_epi8(1);
  __m512i sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    PILOTFISH_OPAQUE(a);
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, a);
    for (__m512i& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  return total_of(sums);
}

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd zmm, f32", kPeakSums * 16,
                                       run_fma};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd zmm, int8", kPeakSums * 64, run_int8};
constinit const PeakKernel kVnniPeak = {"vpdpbusd zmm, int8", kPeakSums * 64,
                                        run_vnni};

}  // namespace pilotfish::avx512
