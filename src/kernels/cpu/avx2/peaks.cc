#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx2 {
namespace {

struct Instructions {
  using Floats = __m256;
  using Integers = __m256i;

  static Floats float_ones() { return _mm256_set1_ps(1); }
  static Floats fma(Floats a, Floats b, Floats c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static Integers byte_ones() { return _mm256_set1_epi8(1); }
  static Integers pair_ones() { return _mm256_set1_epi16(1); }
  static Integers to_pairs(Integers a, Integers b) {
    return _mm256_maddubs_epi16(a, b);
  }
  static Integers to_fours(Integers pairs, Integers ones) {
    return _mm256_madd_epi16(pairs, ones);
  }
  static Integers add_fours(Integers a, Integers b) {
    return _mm256_add_epi32(a, b);
  }
};

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd ymm, f32", kPeakSums * 8,
                                       run_fma_peak<Instructions>};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd ymm, int8", kPeakSums * 32,
    run_int8_peak<Instructions>};

}  // namespace pilotfish::avx2
