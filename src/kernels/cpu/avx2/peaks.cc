#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx2 {
namespace {

double run_fma(std::int64_t rounds) {
  return run_peak_loop<float>(
      rounds, _mm256_set1_ps(1),
      [](__m256 sum, __m256 x) { return _mm256_fmadd_ps(x, x, sum); });
}

// Bytes to 16-bit pairs, to 32-bit fours, to the sum.
double run_int8(std::int64_t rounds) {
  const __m256i ones = _mm256_set1_epi16(1);
  return run_peak_loop<std::int32_t>(
      rounds, _mm256_set1_epi8(1), [=](__m256i sum, __m256i x) {
        make_opaque(x);  // the pairs of each sum are its own
        const __m256i pairs = _mm256_maddubs_epi16(x, x);
        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
      });
}

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd ymm, f32", kPeakSums * 8,
                                       run_fma};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd ymm, int8", kPeakSums * 32, run_int8};

}  // namespace pilotfish::avx2
