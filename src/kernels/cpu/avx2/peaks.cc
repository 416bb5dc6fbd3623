#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx2 {
namespace {

double run_fma(std::int64_t rounds) {
  __m256 a = _mm256_set1_ps(1);
  __m256 sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    PILOTFISH_OPAQUE(a);
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(a, a, sum);
    for (__m256& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  double total = 0;
  for (const __m256& sum : sums) {
    float lanes[8];
    _mm256_storeu_ps(lanes, sum);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

// Bytes to 16-bit pairs, to 32-bit fours, to the sum.
double run_int8(std::int64_t rounds) {
  __m256i a = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (__m256i& sum : sums) {
      PILOTFISH_OPAQUE(a);
      const __m256i pairs = _mm256_maddubs_epi16(a, a);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    for (__m256i& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  double total = 0;
  for (const __m256i& sum : sums) {
    std::int32_t lanes[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), sum);
    for (const std::int32_t lane : lanes) total += lane;
  }
  return total;
}

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd ymm, f32", kPeakSums * 8,
                                       run_fma};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd ymm, int8", kPeakSums * 32, run_int8};

}  // namespace pilotfish::avx2
