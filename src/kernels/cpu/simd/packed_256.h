#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd/packed.h"

// Packed formats in AVX2's instructions: the 16 rows of a group in two vectors.
namespace pilotfish::simd {
namespace {  // copies for each set, which the linker must not mix

// 32 activations as integers: x = scale * quants, rounded to nearest even.
struct Quantised256 {
  __m256i quants;  // 32 signed bytes, -127 to 127
  float scale;
};

inline __m256i load_256(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_256(std::byte* p, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
}
inline __m256i broadcast_word(const std::byte* p) {
  std::int32_t word;
  std::memcpy(&word, p, sizeof word);
  return _mm256_set1_epi32(word);
}
inline float load_float(const std::byte* p) {
  float value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
inline void store_float(std::byte* p, float x) { std::memcpy(p, &x, sizeof x); }
inline void store_word(std::byte* p, std::int32_t x) {
  std::memcpy(p, &x, sizeof x);
}

// Holds the compiler to the order of the additions: g++ 12 adds the products of
// several steps first and runs out of registers.
inline void in_register(__m256i& x) { asm("" : "+x"(x)); }

// The largest of the lanes.
inline std::int32_t largest_word(__m256i x) {
  __m128i m =
      _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return _mm_cvtsi128_si32(m);
}
inline std::int32_t sum_of_words(__m256i x) {
  __m128i s =
      _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

// As scalar's quantise_block, bit for bit.
inline Quantised256 quantise_256(const float* x) {
  const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
  __m256 values[4];
  __m256i bits = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    values[i] = _mm256_loadu_ps(x + 8 * i);
    // Compared as integers, so that infinities and NaNs are the largest.
    bits = _mm256_max_epi32(
        bits, _mm256_and_si256(_mm256_castps_si256(values[i]), magnitude));
  }
  const std::int32_t largest_bits = largest_word(bits);
  float largest;
  std::memcpy(&largest, &largest_bits, sizeof largest);
  float scale = largest / 127;
  if (scale < 0x1p-126f) scale = 0;
  const __m256 inverse = _mm256_set1_ps(scale == 0 ? 0 : 1 / scale);
  __m256i words[4];
  for (int i = 0; i < 4; ++i) {
    words[i] = _mm256_cvtps_epi32(_mm256_mul_ps(values[i], inverse));
  }
  const __m256i bytes =
      _mm256_packs_epi16(_mm256_packs_epi32(words[0], words[1]),
                         _mm256_packs_epi32(words[2], words[3]));
  const __m256i in_order = _mm256_permutevar8x32_epi32(
      bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  return {in_order, scale};
}

// A tile's sums, left in memory: registers are few.
struct SumsInMemory {
  float* sums;

  explicit SumsInMemory(float* at) : sums(at) {}
  operator float*() const { return sums; }
  void store(float* /*at*/) const {}
};

// 16 binary16 scales.
struct Scales256 {
  __m256 d[2];

  static Scales256 load(const std::byte* record) {
    return {{_mm256_cvtph_ps(
                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(record))),
             _mm256_cvtph_ps(_mm_loadu_si128(
                 reinterpret_cast<const __m128i*>(record + 16)))}};
  }
};

// sums[16] += scale * d * dots
inline void add_scaled(const Scales256& scales, float scale,
                       const __m256i* dots, float* sums) {
  const __m256 x = _mm256_set1_ps(scale);
  for (int half = 0; half < 2; ++half) {
    float* at = sums + 8 * half;
    _mm256_store_ps(at, _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[half]),
                                        _mm256_mul_ps(scales.d[half], x),
                                        _mm256_load_ps(at)));
  }
}

// Bytes are widened to 16 bits, even columns and odd ones apart, because
// products of pairs of bytes would not fit.
// Input: 16 even columns in 16 bits, 16 odd ones, scale, -128 sum of quants.
struct Q8_0Format256 {
  static constexpr int kSpan = 32;
  static constexpr int kRecordBytes = 32;
  static constexpr int kQuantBytes = 512;
  static constexpr int kInputBytes = 72;
  static constexpr int kMaxTileM = 6;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;

  using Scales = Scales256;
  static Scales scales(const std::byte* record, int /*block*/) {
    return Scales256::load(record);
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(q.quants, 8), 8);
    const __m256i odd = _mm256_srai_epi16(q.quants, 8);
    store_256(out, even);
    store_256(out + 32, odd);
    store_float(out + 64, q.scale);
    const __m256i pairs =
        _mm256_madd_epi16(_mm256_add_epi16(even, odd), _mm256_set1_epi16(1));
    store_word(out + 68, -128 * sum_of_words(pairs));
  }

  template <int M>
  [[gnu::noinline]] static void tile(const std::byte* quants,
                                     const Scales& scales,
                                     const std::byte* input, float* sums) {
    __m256i dots[M][2];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      dots[i][0] = dots[i][1] = broadcast_word(input + i * kInputBytes + 68);
    }
#pragma GCC unroll 1
    for (int step = 0; step < 8; ++step) {
      const __m256i a = load_256(quants + 64 * step);
      const __m256i b = load_256(quants + 64 * step + 32);
      const __m256i low_bytes = _mm256_set1_epi16(255);
      add_products<M>(_mm256_and_si256(a, low_bytes),
                      _mm256_and_si256(b, low_bytes), input + 4 * step, dots);
      add_products<M>(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8),
                      input + 32 + 4 * step, dots);
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      add_scaled(scales, load_float(input + i * kInputBytes + 64), dots[i],
                 sums + 16 * i);
    }
  }

  template <int M>
  static void add_products(__m256i a, __m256i b, const std::byte* input,
                           __m256i (&dots)[M][2]) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const __m256i x = broadcast_word(input + i * kInputBytes);
      dots[i][0] = _mm256_add_epi32(dots[i][0], _mm256_madd_epi16(a, x));
      dots[i][1] = _mm256_add_epi32(dots[i][1], _mm256_madd_epi16(b, x));
      in_register(dots[i][0]);
      in_register(dots[i][1]);
    }
  }
};

// Sums of pairs of products of bytes, in 16 bits. They may wrap on the way:
// where the last one fits, it is right.
template <int M, int kInputBytes>
inline void add_pairs(__m256i a, __m256i b, const std::byte* input,
                      __m256i (&dots)[M][2]) {
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    const __m256i x = broadcast_word(input + i * kInputBytes);
    dots[i][0] = _mm256_add_epi16(dots[i][0], _mm256_maddubs_epi16(a, x));
    dots[i][1] = _mm256_add_epi16(dots[i][1], _mm256_maddubs_epi16(b, x));
    in_register(dots[i][0]);
    in_register(dots[i][1]);
  }
}

template <int M, int kInputBytes>
inline void broadcast_inputs(const std::byte* input, __m256i (&dots)[M][2]) {
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    dots[i][0] = dots[i][1] = broadcast_word(input + i * kInputBytes);
  }
}

// The 16-bit halves of each word of dots, added.
inline void widen(const __m256i (&dots)[2], __m256i (&words)[2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  words[0] = _mm256_madd_epi16(dots[0], ones);
  words[1] = _mm256_madd_epi16(dots[1], ones);
}

// -factor times the sums of the columns 0 and 1 and of 2 and 3 of every word:
// what weights that are stored as w + factor have too much, in 16 bits.
inline std::int32_t excess_of_pairs(__m256i quants, int factor) {
  const __m256i pairs =
      _mm256_maddubs_epi16(_mm256_set1_epi8(static_cast<char>(factor)), quants);
  __m128i s = _mm_add_epi16(_mm256_castsi256_si128(pairs),
                            _mm256_extracti128_si256(pairs, 1));
  s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), s));
}

inline std::int32_t sum_of_bytes(__m256i quants) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), quants);
  return sum_of_words(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

inline __m256i low_halves(__m256i x) {
  return _mm256_and_si256(x, _mm256_set1_epi8(15));
}
inline __m256i high_halves(__m256i x) {
  return low_halves(_mm256_srli_epi16(x, 4));
}

// A block's products of four-bit weights with M rows.
template <int M, int kInputBytes>
inline void add_products_of_halves(const std::byte* quants,
                                   const std::byte* input,
                                   __m256i (&dots)[M][2]) {
#pragma GCC unroll 1
  for (int step = 0; step < 4; ++step) {
    const __m256i a = load_256(quants + 64 * step);
    const __m256i b = load_256(quants + 64 * step + 32);
    add_pairs<M, kInputBytes>(low_halves(a), low_halves(b), input + 4 * step,
                              dots);
    add_pairs<M, kInputBytes>(high_halves(a), high_halves(b),
                              input + 16 + 4 * step, dots);
  }
}

// Input: 32 bytes in order, scale, excess of weights stored as w + 8.
struct Q4_0Format256 {
  static constexpr int kSpan = 32;
  static constexpr int kRecordBytes = 32;
  static constexpr int kQuantBytes = 256;
  static constexpr int kInputBytes = 40;
  static constexpr int kMaxTileM = 6;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;

  using Scales = Scales256;
  static Scales scales(const std::byte* record, int /*block*/) {
    return Scales256::load(record);
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    store_256(out, q.quants);
    store_float(out + 32, q.scale);
    store_word(out + 36, excess_of_pairs(q.quants, 8));
  }

  template <int M>
  [[gnu::noinline]] static void tile(const std::byte* quants,
                                     const Scales& scales,
                                     const std::byte* input, float* sums) {
    __m256i dots[M][2];
    broadcast_inputs<M, kInputBytes>(input + 36, dots);
    add_products_of_halves<M, kInputBytes>(quants, input, dots);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      __m256i words[2];
      widen(dots[i], words);
      add_scaled(scales, load_float(input + i * kInputBytes + 32), words,
                 sums + 16 * i);
    }
  }
};

// Of q4_k and q5_k: 16 rows' scales and minima of a block.
struct ScalesAndMinima256 {
  Scales256 scales;
  Scales256 minima;

  static ScalesAndMinima256 load(const std::byte* record, int block) {
    ScalesAndMinima256 result = {Scales256::load(record),
                                 Scales256::load(record + 32)};
    const std::byte* of_block = record + 64 + 32 * block;
    for (int half = 0; half < 2; ++half) {
      result.scales.d[half] = _mm256_mul_ps(result.scales.d[half],
                                            from_unsigned(of_block + 8 * half));
      result.minima.d[half] = _mm256_mul_ps(
          result.minima.d[half], from_unsigned(of_block + 16 + 8 * half));
    }
    return result;
  }

  static __m256 from_unsigned(const std::byte* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }

  // sums[16] -= minimum * sum of the activations
  void subtract_minima(float sum_of_activations, float* sums) const {
    const __m256 x = _mm256_set1_ps(sum_of_activations);
    for (int half = 0; half < 2; ++half) {
      float* at = sums + 8 * half;
      _mm256_store_ps(at,
                      _mm256_fnmadd_ps(minima.d[half], x, _mm256_load_ps(at)));
    }
  }
};

// Input: 32 bytes in order, scale, sum of the activations.
struct Q4_KFormat256 {
  static constexpr int kSpan = 256;
  static constexpr int kRecordBytes = 320;
  static constexpr int kQuantBytes = 256;
  static constexpr int kInputBytes = 40;
  static constexpr int kMaxTileM = 6;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;

  using Scales = ScalesAndMinima256;
  static Scales scales(const std::byte* record, int block) {
    return ScalesAndMinima256::load(record, block);
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    store_256(out, q.quants);
    store_float(out + 32, q.scale);
    store_float(out + 36, static_cast<float>(sum_of_bytes(q.quants)) * q.scale);
  }

  template <int M>
  [[gnu::noinline]] static void tile(const std::byte* quants,
                                     const Scales& scales,
                                     const std::byte* input, float* sums) {
    __m256i dots[M][2] = {};
    add_products_of_halves<M, kInputBytes>(quants, input, dots);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* row = input + i * kInputBytes;
      __m256i words[2];
      widen(dots[i], words);
      add_scaled(scales.scales, load_float(row + 32), words, sums + 16 * i);
      scales.subtract_minima(load_float(row + 36), sums + 16 * i);
    }
  }
};

// Five bits less 16, so that the sums fit; what they lack is added to the
// words. Input: as q4_k's, then excess of weights stored as w + 16, and 16
// times the sum of the bytes.
struct Q5_KFormat256 {
  static constexpr int kSpan = 256;
  static constexpr int kRecordBytes = 320;
  static constexpr int kQuantBytes = 320;
  static constexpr int kInputBytes = 48;
  static constexpr int kMaxTileM = 5;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;

  using Scales = ScalesAndMinima256;
  static Scales scales(const std::byte* record, int block) {
    return ScalesAndMinima256::load(record, block);
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    const std::int32_t sum = sum_of_bytes(q.quants);
    store_256(out, q.quants);
    store_float(out + 32, q.scale);
    store_float(out + 36, static_cast<float>(sum) * q.scale);
    store_word(out + 40, excess_of_pairs(q.quants, 16));
    store_word(out + 44, 16 * sum);
  }

  template <int M>
  [[gnu::noinline]] static void tile(const std::byte* quants,
                                     const Scales& scales,
                                     const std::byte* input, float* sums) {
    __m256i dots[M][2];
    broadcast_inputs<M, kInputBytes>(input + 40, dots);
    const __m256i fifth = _mm256_set1_epi8(16);
    __m256i fifths[2] = {load_256(quants + 256), load_256(quants + 288)};
#pragma GCC unroll 1
    for (int step = 0; step < 4; ++step) {
      __m256i low[2], high[2];
      for (int half = 0; half < 2; ++half) {
        const __m256i four = load_256(quants + 64 * step + 32 * half);
        low[half] = _mm256_or_si256(
            low_halves(four),
            _mm256_and_si256(_mm256_slli_epi16(fifths[half], 4), fifth));
        high[half] = _mm256_or_si256(high_halves(four),
                                     _mm256_and_si256(fifths[half], fifth));
        fifths[half] = _mm256_srli_epi16(fifths[half], 1);
      }
      add_pairs<M, kInputBytes>(low[0], low[1], input + 4 * step, dots);
      add_pairs<M, kInputBytes>(high[0], high[1], input + 16 + 4 * step, dots);
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* row = input + i * kInputBytes;
      __m256i words[2];
      widen(dots[i], words);
      const __m256i lacking = broadcast_word(row + 44);
      words[0] = _mm256_add_epi32(words[0], lacking);
      words[1] = _mm256_add_epi32(words[1], lacking);
      add_scaled(scales.scales, load_float(row + 32), words, sums + 16 * i);
      scales.subtract_minima(load_float(row + 36), sums + 16 * i);
    }
  }
};

// Two halves of a block with scales of their own.
// Input: 32 bytes in order, scale, excess of weights stored as w + 32 for the
// first and for the last 16 columns.
struct Q6_KFormat256 {
  static constexpr int kSpan = 256;
  static constexpr int kRecordBytes = 288;
  static constexpr int kQuantBytes = 384;
  static constexpr int kInputBytes = 44;
  static constexpr int kMaxTileM = 5;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;

  struct Scales {
    Scales256 of_half[2];
  };
  static Scales scales(const std::byte* record, int block) {
    const Scales256 d = Scales256::load(record);
    Scales result;
    for (int half = 0; half < 2; ++half) {
      const std::byte* scales = record + 32 + 32 * block + 16 * half;
      for (int i = 0; i < 2; ++i) {
        const __m128i bytes =
            _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales + 8 * i));
        result.of_half[half].d[i] = _mm256_mul_ps(
            d.d[i], _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
      }
    }
    return result;
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    const __m128i zero = _mm_setzero_si128();
    store_256(out, q.quants);
    store_float(out + 32, q.scale);
    store_word(
        out + 36,
        excess_of_pairs(
            _mm256_set_m128i(zero, _mm256_castsi256_si128(q.quants)), 32));
    store_word(
        out + 40,
        excess_of_pairs(
            _mm256_set_m128i(zero, _mm256_extracti128_si256(q.quants, 1)), 32));
  }

  template <int M>
  [[gnu::noinline]] static void tile(const std::byte* quants,
                                     const Scales& scales,
                                     const std::byte* input, float* sums) {
    half_block<M, 0>(quants, scales.of_half[0], input, sums);
    half_block<M, 1>(quants, scales.of_half[1], input, sums);
  }

  template <int M, int kHalf>
  static void half_block(const std::byte* quants, const Scales256& scales,
                         const std::byte* input, float* sums) {
    __m256i dots[M][2];
    broadcast_inputs<M, kInputBytes>(input + 36 + 4 * kHalf, dots);
    const std::byte* lines = quants + 256 + 64 * kHalf;
    __m256i tops[2] = {load_256(lines), load_256(lines + 32)};
#pragma GCC unroll 1
    for (int step = 0; step < 4; ++step) {
      __m256i six[2];
      for (int i = 0; i < 2; ++i) {
        const __m256i four = load_256(quants + 64 * step + 32 * i);
        six[i] =
            _mm256_or_si256(kHalf == 0 ? low_halves(four) : high_halves(four),
                            _mm256_and_si256(_mm256_slli_epi16(tops[i], 4),
                                             _mm256_set1_epi8(0x30)));
        tops[i] = _mm256_srli_epi16(tops[i], 2);
      }
      add_pairs<M, kInputBytes>(six[0], six[1], input + 16 * kHalf + 4 * step,
                                dots);
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      __m256i words[2];
      widen(dots[i], words);
      add_scaled(scales, load_float(input + i * kInputBytes + 32), words,
                 sums + 16 * i);
    }
  }
};

struct PackedFormats256 {
  using Q8_0 = Q8_0Format256;
  using Q4_0 = Q4_0Format256;
  using Q4_K = Q4_KFormat256;
  using Q5_K = Q5_KFormat256;
  using Q6_K = Q6_KFormat256;
};

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_
