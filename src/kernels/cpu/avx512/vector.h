#ifndef PILOTFISH_KERNELS_CPU_AVX512_VECTOR_H_
#define PILOTFISH_KERNELS_CPU_AVX512_VECTOR_H_

// The tests compile these sets a second time on emulated instructions, under
// another name.
#ifdef PILOTFISH_EMULATE_AVX512
#include "kernels/cpu/emulated/intrinsics.h"
#define PILOTFISH_AVX512_SET(set) set##_emulated
#define PILOTFISH_AVX512_NAME(name) name "_emulated"
#else
#include <immintrin.h>
#define PILOTFISH_AVX512_SET(set) set
#define PILOTFISH_AVX512_NAME(name) name
#endif

#include <cstddef>
#include <cstdint>

// The vector that kernels/cpu/simd is written against, for AVX-512 F, BW, VL
// and DQ. In an anonymous namespace, as avx2's.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512) {
  namespace {

  struct Vector {
    using Floats = __m512;
    static constexpr int kLanes = 16;

    // As avx2's, for 32 registers: eight activation rows share one pass over
    // the weights.
    static constexpr int kMaxTileM = 8;
    static constexpr int tile_rows(int m) { return m <= 6 ? 4 : 3; }

    static Floats zero() { return _mm512_setzero_ps(); }
    static Floats broadcast(float x) { return _mm512_set1_ps(x); }
    static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
    static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
    static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
    static Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }
    // a * b + c and c - a * b, rounded once.
    static Floats fma(Floats a, Floats b, Floats c) {
      return _mm512_fmadd_ps(a, b, c);
    }
    static Floats fnma(Floats a, Floats b, Floats c) {
      return _mm512_fnmadd_ps(a, b, c);
    }
    // Where one of them is NaN: b.
    static Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
    static Floats min(Floats a, Floats b) { return _mm512_min_ps(a, b); }
    static Floats round(Floats x) {
      return _mm512_roundscale_ps(
          x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    }
    // x * 2^n for integral n.
    static Floats scale(Floats x, Floats n) { return _mm512_scalef_ps(x, n); }

    static float square_root(float x) {
      return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
    }
    static float first(Floats x) {
      return _mm256_cvtss_f32(_mm512_castps512_ps256(x));
    }
    static float sum(Floats x) {
      const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x),
                                        _mm512_extractf32x8_ps(x, 1));
      __m128 s = _mm_add_ps(_mm256_castps256_ps128(half),
                            _mm256_extractf128_ps(half, 1));
      s = _mm_add_ps(s, _mm_movehl_ps(s, s));
      return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    // sum(x[0]), sum(x[1]), ..., to the same bits, all at once. Each step adds
    // one half of two vectors' lanes to the other.
    static Floats sum_each(const Floats *x) {
      Floats quarters[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        quarters[i] = sum_quarters(add_halves(x[i], x[4 + i]),
                                   add_halves(x[8 + i], x[12 + i]));
      }
      const auto add_pairs = [](Floats a, Floats b) {
        return add(_mm512_shuffle_ps(a, b, 0x44),
                   _mm512_shuffle_ps(a, b, 0xee));
      };
      const Floats a = add_pairs(quarters[0], quarters[1]);
      const Floats b = add_pairs(quarters[2], quarters[3]);
      return add(_mm512_shuffle_ps(a, b, 0x88), _mm512_shuffle_ps(a, b, 0xdd));
    }
    static float largest(Floats x) {
      const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(x),
                                        _mm512_extractf32x8_ps(x, 1));
      __m128 s = _mm_max_ps(_mm256_castps256_ps128(half),
                            _mm256_extractf128_ps(half, 1));
      s = _mm_max_ps(s, _mm_movehl_ps(s, s));
      return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
    }

    // Half as many doubles, for what is summed or compared exactly.
    using Doubles = __m512d;
    static constexpr int kDoubleLanes = 8;
    static Doubles broadcast_double(double x) { return _mm512_set1_pd(x); }
    static Doubles add(Doubles a, Doubles b) { return _mm512_add_pd(a, b); }
    static Doubles subtract(Doubles a, Doubles b) {
      return _mm512_sub_pd(a, b);
    }
    static Doubles multiply(Doubles a, Doubles b) {
      return _mm512_mul_pd(a, b);
    }
    static Doubles fma(Doubles a, Doubles b, Doubles c) {
      return _mm512_fmadd_pd(a, b, c);
    }
    static Doubles fnma(Doubles a, Doubles b, Doubles c) {
      return _mm512_fnmadd_pd(a, b, c);
    }
    // Where one of them is NaN: b.
    static Doubles max(Doubles a, Doubles b) { return _mm512_max_pd(a, b); }
    // kDoubleLanes floats; any alignment.
    static Doubles load_as_doubles(const float *p) {
      return _mm512_cvtps_pd(_mm256_loadu_ps(p));
    }
    static void store(double *p, Doubles x) { _mm512_storeu_pd(p, x); }
    // `value` where x >= low, 0 elsewhere.
    static Doubles where_at_least(Doubles x, Doubles low, Doubles value) {
      return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(x, low, _CMP_GE_OQ), value);
    }
    // x * 2^n for the integer n in the low bits of `shifted`. x is normal, and
    // so is the result.
    static Doubles scale_by_low_bits(Doubles x, Doubles shifted) {
      return _mm512_castsi512_pd(_mm512_add_epi64(
          _mm512_castpd_si512(x),
          _mm512_slli_epi64(_mm512_castpd_si512(shifted), 52)));
    }
    // Bit i is set where x[i] >= low[i]; not where one of them is NaN.
    static unsigned at_least(Floats x, Floats low) {
      return _mm512_cmp_ps_mask(x, low, _CMP_GE_OQ);
    }

    // (a, b) as one sequence: its even and its odd elements; and the inverse.
    static void deinterleave(Floats a, Floats b, Floats &even, Floats &odd) {
      even = _mm512_permutex2var_ps(
          a,
          _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4,
                           2, 0),
          b);
      odd = _mm512_permutex2var_ps(
          a,
          _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5,
                           3, 1),
          b);
    }
    static void interleave(Floats even, Floats odd, Floats &a, Floats &b) {
      a = _mm512_permutex2var_ps(even,
                                 _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4,
                                                  19, 3, 18, 2, 17, 1, 16, 0),
                                 odd);
      b = _mm512_permutex2var_ps(
          even,
          _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25,
                           9, 24, 8),
          odd);
    }

    // Whole vectors; any alignment.
    static Floats load(const float *p) { return _mm512_loadu_ps(p); }
    static void store(float *p, Floats x) { _mm512_storeu_ps(p, x); }
    // The first n < kLanes elements (the rest 0); touches no others.
    static Floats load(const float *p, std::int64_t n) {
      return _mm512_maskz_loadu_ps(mask(n), p);
    }
    static void store(float *p, Floats x, std::int64_t n) {
      _mm512_mask_storeu_ps(p, mask(n), x);
    }

    static Floats load_f32(const std::byte *p) { return _mm512_loadu_ps(p); }
    static Floats load_f16(const std::byte *p) {
      return _mm512_cvtph_ps(load_256(p));
    }
    static Floats load_bf16(const std::byte *p) {
      return _mm512_castsi512_ps(
          _mm512_slli_epi32(_mm512_cvtepu16_epi32(load_256(p)), 16));
    }
    // kLanes bytes, and their values as signed integers.
    static __m128i load_bytes(const std::byte *p) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
    }
    static Floats from_s8(__m128i bytes) {
      return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    }
    // Of 2 kLanes bf16 values, the even ones and the odd ones.
    static Floats load_even_bf16(const std::byte *p) {
      return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
    }
    static Floats load_odd_bf16(const std::byte *p, int /*sums*/) {
      return _mm512_castsi512_ps(
          _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)));
    }

    static void store_f16(std::byte *p, Floats x) {
      store_256(
          p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    static void store_bf16(std::byte *p, Floats x) {
      const __m512i bits = _mm512_castps_si512(x);
      const __m512i odd =
          _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
      const __m512i rounded = _mm512_add_epi32(
          bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
      const __m512i quiet =
          _mm512_or_si512(bits, _mm512_set1_epi32(0x00400000));
      const __m512i top = _mm512_srli_epi32(
          _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q),
                                quiet),
          16);
      store_256(p, _mm512_cvtepi32_epi16(top));
    }

   private:
    static Floats add_halves(Floats a, Floats b) {
      return add(_mm512_shuffle_f32x4(a, b, 0x44),
                 _mm512_shuffle_f32x4(a, b, 0xee));
    }
    static Floats sum_quarters(Floats a, Floats b) {
      return add(_mm512_shuffle_f32x4(a, b, 0x88),
                 _mm512_shuffle_f32x4(a, b, 0xdd));
    }
    static __mmask16 mask(std::int64_t n) {
      return static_cast<__mmask16>((1u << n) - 1);
    }
    static __m256i load_256(const std::byte *p) {
      return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
    }
    static void store_256(std::byte *p, __m256i x) {
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), x);
    }
  };

  }  // namespace
}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512)

#endif  // PILOTFISH_KERNELS_CPU_AVX512_VECTOR_H_
