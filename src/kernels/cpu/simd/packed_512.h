#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/simd/packed_256.h"

// Packed formats in AVX-512 VNNI's vpdpbusd, which adds four products of
// unsigned weights and signed activations to each row's 32-bit sum: the 16 rows
// of a group in one vector. Intrinsics come with the set's vector.h, which may
// emulate them.
//
// Input of every format: 32 bytes in order, scale, sum of the activations (for
// minima), and what weights that are stored as w + kOffset have too much: in a
// block or, where its halves have scales of their own, in each half.
namespace pilotfish::simd {
namespace {

inline __m512i load_512(const std::byte* p) { return _mm512_loadu_si512(p); }
inline __m512i broadcast_512(const std::byte* p) {  // of four bytes
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return _mm512_set1_epi32(word);
}
inline __m512i bytes_512(int value) {
  return _mm512_set1_epi8(static_cast<char>(value));
}
inline __m512i low_halves(__m512i x) {
  return _mm512_and_si512(x, bytes_512(15));
}
inline __m512i high_halves(__m512i x) {
  return low_halves(_mm512_srli_epi16(x, 4));
}

// sum + scale * d * dots
inline __m512 add_scaled(__m512 d, float scale, __m512i dots, __m512 sum) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots),
                         _mm512_mul_ps(d, _mm512_set1_ps(scale)), sum);
}

inline __m512 half_scales(const std::byte* record) {
  return _mm512_cvtph_ps(load_256(record));
}
inline __m512 byte_scales(const std::byte* p, bool is_signed) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(bytes)
                                      : _mm512_cvtepu8_epi32(bytes));
}

// A tile's sums, one register a row.
template <int M>
struct SumsInRegisters {
  __m512 rows[M];

  explicit SumsInRegisters(const float* sums) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) rows[i] = _mm512_loadu_ps(sums + 16 * i);
  }
  void store(float* sums) const {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) _mm512_storeu_ps(sums + 16 * i, rows[i]);
  }
};

// A dtype gives
//   kHalves                 whether the halves of a block have their own scales
//   Scales, scales(record, block)
//   words<s>(quants, low, high)  the weights of columns 4s.. and 16 + 4s.. of
//                                every row
//   add(scales, dots, scale, sum_of_activations, sum)
//                           the sum with a block's products: dots[0], or where
//                           kHalves dots[0] and dots[1], of first and last half
template <typename Source>
struct VnniFormat {
  static constexpr int kSpan = Source::kSpan;
  static constexpr int kRecordBytes = Source::kRecordBytes;
  static constexpr int kQuantBytes = Source::kQuantBytes;
  static constexpr int kInputBytes = 48;
  static constexpr int kMaxTileM = 8;
  static constexpr int kMinFetchM = 1;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInRegisters<M>;

  using Scales = typename Source::Scales;
  static Scales scales(const std::byte* record, int block) {
    return Source::scales(record, block);
  }

  static void pack(const float* x, std::byte* out) {
    const Quantised256 q = quantise_256(x);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q.quants);
    const __m256i words = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    const __m256i none = _mm256_setzero_si256();
    const std::int32_t first =
        sum_of_words(_mm256_blend_epi32(words, none, 0xf0));
    const std::int32_t last =
        sum_of_words(_mm256_blend_epi32(words, none, 0x0f));
    store_256(out, q.quants);
    store_float(out + 32, q.scale);
    store_float(out + 36, static_cast<float>(first + last) * q.scale);
    store_word(out + 40,
               -Source::kOffset * (Source::kHalves ? first : first + last));
    store_word(out + 44, Source::kHalves ? -Source::kOffset * last : 0);
  }

  template <int M>
  static void tile(const std::byte* quants, const Scales& scales,
                   const std::byte* input, SumsInRegisters<M>& sums) {
    // A second chain where the halves need one, or the rows are too few to
    // hide an instruction's latency.
    constexpr int kChains = Source::kHalves || M <= 4 ? 2 : 1;
    __m512i dots[M][kChains];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int c = 0; c < kChains; ++c) {
        dots[i][c] = Source::kOffset == 0 || (c == 1 && !Source::kHalves)
                         ? _mm512_setzero_si512()
                         : broadcast_512(input + i * kInputBytes + 40 + 4 * c);
      }
    }
    add_step<M, 0>(quants, input, dots);
    add_step<M, 1>(quants, input, dots);
    add_step<M, 2>(quants, input, dots);
    add_step<M, 3>(quants, input, dots);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      if constexpr (kChains == 2 && !Source::kHalves) {
        dots[i][0] = _mm512_add_epi32(dots[i][0], dots[i][1]);
      }
      const std::byte* row = input + i * kInputBytes;
      sums.rows[i] = Source::add(scales, dots[i], load_float(row + 32),
                                 load_float(row + 36), sums.rows[i]);
    }
  }

 private:
  template <int M, int kStep, int kChains>
  static void add_step(const std::byte* quants, const std::byte* input,
                       __m512i (&dots)[M][kChains]) {
    __m512i low, high;
    Source::template words<kStep>(quants, low, high);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* row = input + i * kInputBytes + 4 * kStep;
      __m512i& last = dots[i][kChains - 1];
      dots[i][0] = _mm512_dpbusd_epi32(dots[i][0], low, broadcast_512(row));
      last = _mm512_dpbusd_epi32(last, high, broadcast_512(row + 16));
    }
  }
};

struct Q8_0Source512 {
  static constexpr int kSpan = 32;
  static constexpr int kRecordBytes = 32;
  static constexpr int kQuantBytes = 512;
  static constexpr int kOffset = 128;
  static constexpr bool kHalves = false;

  using Scales = __m512;
  static Scales scales(const std::byte* record, int /*block*/) {
    return half_scales(record);
  }
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    low = load_512(quants + 64 * kStep);
    high = load_512(quants + 64 * kStep + 256);
  }
  static __m512 add(const Scales& scales, const __m512i* dots, float scale,
                    float /*sum_of_activations*/, __m512 sum) {
    return add_scaled(scales, scale, dots[0], sum);
  }
};

struct Q4_0Source512 : Q8_0Source512 {
  static constexpr int kQuantBytes = 256;
  static constexpr int kOffset = 8;

  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    const __m512i bytes = load_512(quants + 64 * kStep);
    low = low_halves(bytes);
    high = high_halves(bytes);
  }
};

struct Q4_KSource512 {
  static constexpr int kSpan = 256;
  static constexpr int kRecordBytes = 320;
  static constexpr int kQuantBytes = 256;
  static constexpr int kOffset = 0;
  static constexpr bool kHalves = false;

  struct Scales {
    __m512 scale;
    __m512 minimum;
  };
  static Scales scales(const std::byte* record, int block) {
    const std::byte* of_block = record + 64 + 32 * block;
    return {_mm512_mul_ps(half_scales(record), byte_scales(of_block, false)),
            _mm512_mul_ps(half_scales(record + 32),
                          byte_scales(of_block + 16, false))};
  }
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    Q4_0Source512::words<kStep>(quants, low, high);
  }
  static __m512 add(const Scales& scales, const __m512i* dots, float scale,
                    float sum_of_activations, __m512 sum) {
    return _mm512_fnmadd_ps(scales.minimum, _mm512_set1_ps(sum_of_activations),
                            add_scaled(scales.scale, scale, dots[0], sum));
  }
};

struct Q5_KSource512 : Q4_KSource512 {
  static constexpr int kQuantBytes = 320;

  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    Q4_0Source512::words<kStep>(quants, low, high);
    const __m512i fifths = _mm512_srli_epi16(load_512(quants + 256), kStep);
    low = _mm512_or_si512(
        low, _mm512_and_si512(_mm512_slli_epi16(fifths, 4), bytes_512(16)));
    high = _mm512_or_si512(high, _mm512_and_si512(fifths, bytes_512(16)));
  }
};

struct Q6_KSource512 {
  static constexpr int kSpan = 256;
  static constexpr int kRecordBytes = 288;
  static constexpr int kQuantBytes = 384;
  static constexpr int kOffset = 32;
  static constexpr bool kHalves = true;

  struct Scales {
    __m512 of_half[2];
  };
  static Scales scales(const std::byte* record, int block) {
    const __m512 d = half_scales(record);
    const std::byte* of_block = record + 32 + 32 * block;
    return {{_mm512_mul_ps(d, byte_scales(of_block, true)),
             _mm512_mul_ps(d, byte_scales(of_block + 16, true))}};
  }
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    Q4_0Source512::words<kStep>(quants, low, high);
    low = _mm512_or_si512(low, top_pairs<kStep>(quants + 256));
    high = _mm512_or_si512(high, top_pairs<kStep>(quants + 320));
  }
  static __m512 add(const Scales& scales, const __m512i* dots, float scale,
                    float /*sum_of_activations*/, __m512 sum) {
    return add_scaled(scales.of_half[1], scale, dots[1],
                      add_scaled(scales.of_half[0], scale, dots[0], sum));
  }

 private:
  template <int kStep>
  static __m512i top_pairs(const std::byte* line) {
    const __m512i pairs = _mm512_srli_epi16(load_512(line), 2 * kStep);
    return _mm512_and_si512(_mm512_slli_epi16(pairs, 4), bytes_512(0x30));
  }
};

struct PackedFormats512 {
  using Q8_0 = VnniFormat<Q8_0Source512>;
  using Q4_0 = VnniFormat<Q4_0Source512>;
  using Q4_K = VnniFormat<Q4_KSource512>;
  using Q5_K = VnniFormat<Q5_KSource512>;
  using Q6_K = VnniFormat<Q6_KSource512>;
};

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_
