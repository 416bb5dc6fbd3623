#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512 {
namespace {

struct Instructions {
  using Floats = __m512;
  using Integers = __m512i;

  static Floats float_ones() { return _mm512_set1_ps(1); }
  static Floats fma(Floats a, Floats b, Floats c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  static Integers byte_ones() { return _mm512_set1_epi8(1); }
  static Integers pair_ones() { return _mm512_set1_epi16(1); }
  static Integers to_pairs(Integers a, Integers b) {
    return _mm512_maddubs_epi16(a, b);
  }
  static Integers to_fours(Integers pairs, Integers ones) {
    return _mm512_madd_epi16(pairs, ones);
  }
  static Integers add_fours(Integers a, Integers b) {
    return _mm512_add_epi32(a, b);
  }
};

}  // namespace

constinit const PeakKernel kFmaPeak = {"vfmadd zmm, f32", kPeakSums * 16,
                                       run_fma_peak<Instructions>};
constinit const PeakKernel kInt8Peak = {
    "vpmaddubsw + vpmaddwd + vpaddd zmm, int8", kPeakSums * 64,
    run_int8_peak<Instructions>};

}  // namespace pilotfish::avx512
