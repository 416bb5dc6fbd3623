#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512 {
namespace {

double run_fma(std::int64_t rounds) {
  return run_peak_loop<float>(
      rounds, _mm512_set1_ps(1),
      [](__m512 sum, __m512 x) { return _mm512_fmadd_ps(x, x, sum); });
}

// As avx2's.
double run_int8(std::int64_t rounds) {
  const __m512i ones = _mm512_set1_epi16(1);
  return run_peak_loop<std::int32_t>(
      rounds, _mm512_set1_epi8(1), [=](__m512i sum, __m512i x) {
        make_opaque(x);  // the pairs of each sum are its own
        const __m512i pairs = _mm512_maddubs_epi16(x, x);
        return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, ones));
      });
}

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd zmm, f32", kPeakSums * 16,
                                       run_fma};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd zmm, int8", kPeakSums * 64, run_int8};

}  // namespace pilotfish::avx512
