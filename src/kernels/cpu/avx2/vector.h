#ifndef PILOTFISH_KERNELS_CPU_AVX2_VECTOR_H_
#define PILOTFISH_KERNELS_CPU_AVX2_VECTOR_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// The vector that kernels/cpu/simd is written against, for AVX2, FMA and F16C.
// In an anonymous namespace, so that no code compiled with these flags can be
// linked into other sets.
namespace pilotfish::avx2 {
namespace {

struct Vector {
  using Floats = __m256;
  static constexpr int kLanes = 8;

  // Weight rows to multiply with m activation rows at once, and the most
  // activation rows: three times four sums, three weights and an activation
  // fill 16 registers. More weight rows at once would help nothing, and rows a
  // power of two apart crowd each other out of the cache.
  static constexpr int kMaxTileM = 4;
  static constexpr int tile_rows(int m) { return m <= 2 ? 4 : 3; }

  static Floats zero() { return _mm256_setzero_ps(); }
  static Floats broadcast(float x) { return _mm256_set1_ps(x); }
  static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static Floats subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm256_div_ps(a, b); }
  // a * b + c and c - a * b, rounded once.
  static Floats fma(Floats a, Floats b, Floats c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static Floats fnma(Floats a, Floats b, Floats c) {
    return _mm256_fnmadd_ps(a, b, c);
  }
  // Where one of them is NaN: b.
  static Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
  static Floats min(Floats a, Floats b) { return _mm256_min_ps(a, b); }
  static Floats round(Floats x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // x * 2^n for integral n in [-252, 254].
  static Floats scale(Floats x, Floats n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i rest = _mm256_sub_epi32(whole, half);
    return multiply(multiply(x, power_of_two(half)), power_of_two(rest));
  }

  static float square_root(float x) {
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
  }
  static float first(Floats x) { return _mm256_cvtss_f32(x); }
  static float sum(Floats x) {
    __m128 s =
        _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  // sum(x[0]), sum(x[1]), ..., to the same bits, all at once. Each step adds
  // one half of two vectors' lanes to the other.
  static Floats sum_each(const Floats *x) {
    const auto add_halves = [](Floats a, Floats b) {
      return add(_mm256_permute2f128_ps(a, b, 0x20),
                 _mm256_permute2f128_ps(a, b, 0x31));
    };
    const auto add_pairs = [](Floats a, Floats b) {
      return add(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
    };
    const Floats a = add_pairs(add_halves(x[0], x[4]), add_halves(x[1], x[5]));
    const Floats b = add_pairs(add_halves(x[2], x[6]), add_halves(x[3], x[7]));
    return add(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
  }
  static float largest(Floats x) {
    __m128 s =
        _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }

  // Half as many doubles, for what is summed or compared exactly.
  using Doubles = __m256d;
  static constexpr int kDoubleLanes = 4;
  static Doubles broadcast_double(double x) { return _mm256_set1_pd(x); }
  static Doubles add(Doubles a, Doubles b) { return _mm256_add_pd(a, b); }
  static Doubles subtract(Doubles a, Doubles b) { return _mm256_sub_pd(a, b); }
  static Doubles multiply(Doubles a, Doubles b) { return _mm256_mul_pd(a, b); }
  static Doubles fma(Doubles a, Doubles b, Doubles c) {
    return _mm256_fmadd_pd(a, b, c);
  }
  static Doubles fnma(Doubles a, Doubles b, Doubles c) {
    return _mm256_fnmadd_pd(a, b, c);
  }
  // Where one of them is NaN: b.
  static Doubles max(Doubles a, Doubles b) { return _mm256_max_pd(a, b); }
  // kDoubleLanes floats; any alignment.
  static Doubles load_as_doubles(const float *p) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
  }
  static void store(double *p, Doubles x) { _mm256_storeu_pd(p, x); }
  // `value` where x >= low, 0 elsewhere.
  static Doubles where_at_least(Doubles x, Doubles low, Doubles value) {
    return _mm256_and_pd(_mm256_cmp_pd(x, low, _CMP_GE_OQ), value);
  }
  // x * 2^n for the integer n in the low bits of `shifted`. x is normal, and so
  // is the result.
  static Doubles scale_by_low_bits(Doubles x, Doubles shifted) {
    return _mm256_castsi256_pd(
        _mm256_add_epi64(_mm256_castpd_si256(x),
                         _mm256_slli_epi64(_mm256_castpd_si256(shifted), 52)));
  }
  // Bit i is set where x[i] >= low[i]; not where one of them is NaN.
  static unsigned at_least(Floats x, Floats low) {
    return static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_cmp_ps(x, low, _CMP_GE_OQ)));
  }

  // (a, b) as one sequence: its even and its odd elements; and the inverse.
  static void deinterleave(Floats a, Floats b, Floats &even, Floats &odd) {
    even = in_order(_mm256_shuffle_ps(a, b, 0x88));
    odd = in_order(_mm256_shuffle_ps(a, b, 0xdd));
  }
  static void interleave(Floats even, Floats odd, Floats &a, Floats &b) {
    const __m256 low = _mm256_unpacklo_ps(even, odd);
    const __m256 high = _mm256_unpackhi_ps(even, odd);
    a = _mm256_permute2f128_ps(low, high, 0x20);
    b = _mm256_permute2f128_ps(low, high, 0x31);
  }

  // Whole vectors; any alignment.
  static Floats load(const float *p) { return _mm256_loadu_ps(p); }
  static void store(float *p, Floats x) { _mm256_storeu_ps(p, x); }
  // The first n < kLanes elements (the rest 0); touches no others.
  static Floats load(const float *p, std::int64_t n) {
    return _mm256_maskload_ps(p, mask(n));
  }
  static void store(float *p, Floats x, std::int64_t n) {
    _mm256_maskstore_ps(p, mask(n), x);
  }

  static Floats load_f32(const std::byte *p) {
    return _mm256_loadu_ps(reinterpret_cast<const float *>(p));
  }
  static Floats load_f16(const std::byte *p) {
    return _mm256_cvtph_ps(load_128(p));
  }
  static Floats load_bf16(const std::byte *p) {
    const __m256i wide = _mm256_cvtepu16_epi32(load_128(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  // kLanes bytes, and their values as signed integers.
  static __m128i load_bytes(const std::byte *p) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i *>(p));
  }
  static Floats from_s8(__m128i bytes) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  }
  // Of 2 kLanes bf16 values, the even ones and the odd ones.
  static Floats load_even_bf16(const std::byte *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(load_256(p), 16));
  }
  // `sums`: how many vectors the caller keeps in registers meanwhile.
  static Floats load_odd_bf16(const std::byte *p, int sums) {
    __m256i bits = load_256(p);
    if (sums < 12) {
      bits = _mm256_and_si256(bits, _mm256_set1_epi32(-65536));
    } else {
      // From memory: there is no register left for the mask, and the compiler
      // would rather write sums to memory at every step.
      asm("vpand %1, %0, %0" : "+x"(bits) : "m"(kUpperHalves));
    }
    return _mm256_castsi256_ps(bits);
  }

  static void store_f16(std::byte *p, Floats x) {
    store_128(
        p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void store_bf16(std::byte *p, Floats x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd =
        _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(
        bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i top =
        _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    store_128(p, _mm_packus_epi32(_mm256_castsi256_si128(top),
                                  _mm256_extracti128_si256(top, 1)));
  }

 private:
  alignas(32) static constexpr std::uint16_t kUpperHalves[16] = {
      0, 0xffff, 0, 0xffff, 0, 0xffff, 0, 0xffff,
      0, 0xffff, 0, 0xffff, 0, 0xffff, 0, 0xffff};

  static __m256 in_order(__m256 pairs_of_halves) {
    return _mm256_castpd_ps(
        _mm256_permute4x64_pd(_mm256_castps_pd(pairs_of_halves), 0xd8));
  }
  static __m256 power_of_two(__m256i n) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  static __m256i mask(std::int64_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
  }
  static __m128i load_128(const std::byte *p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
  }
  static __m256i load_256(const std::byte *p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
  }
  static void store_128(std::byte *p, __m128i x) {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(p), x);
  }
};

}  // namespace
}  // namespace pilotfish::avx2

#endif  // PILOTFISH_KERNELS_CPU_AVX2_VECTOR_H_
