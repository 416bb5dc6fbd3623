#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/cpu/simd/packed.h"
#include "kernels/cpu/simd/packed_input.h"
#include "kernels/cpu/simd/packed_weights.h"

// Packed formats in AVX2's instructions: the 16 rows of a group in two vectors.
namespace pilotfish::simd {
namespace {

// The W of packed_weights.h.
struct Rows256 {
  struct Floats {
    __m256 half[2];
  };
  struct Words {
    __m256i half[2];
  };

  static Floats load_f16(const std::byte* p) {
    return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 16))};
  }
  static Floats load_u8(const std::byte* p) {
    return to_floats({_mm256_cvtepu8_epi32(load_64(p)),
                      _mm256_cvtepu8_epi32(load_64(p + 8))});
  }
  static Floats load_s8(const std::byte* p) {
    return to_floats({_mm256_cvtepi8_epi32(load_64(p)),
                      _mm256_cvtepi8_epi32(load_64(p + 8))});
  }
  static Floats to_floats(Words x) {
    return {_mm256_cvtepi32_ps(x.half[0]), _mm256_cvtepi32_ps(x.half[1])};
  }
  static Floats broadcast(float x) {
    return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
  }
  static Floats multiply(Floats a, Floats b) {
    return {_mm256_mul_ps(a.half[0], b.half[0]),
            _mm256_mul_ps(a.half[1], b.half[1])};
  }
  static Floats fma(Floats a, Floats b, Floats c) {
    return {_mm256_fmadd_ps(a.half[0], b.half[0], c.half[0]),
            _mm256_fmadd_ps(a.half[1], b.half[1], c.half[1])};
  }
  static Floats fnma(Floats a, Floats b, Floats c) {
    return {_mm256_fnmadd_ps(a.half[0], b.half[0], c.half[0]),
            _mm256_fnmadd_ps(a.half[1], b.half[1], c.half[1])};
  }

 private:
  static __m128i load_64(const std::byte* p) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  }
  static __m128i load_128(const std::byte* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
};

// A tile's sums, left in memory: registers are few.
struct SumsInMemory {
  float* sums;

  explicit SumsInMemory(float* at) : sums(at) {}
  Rows256::Floats get(int row) const {
    return {_mm256_load_ps(sums + 16 * row),
            _mm256_load_ps(sums + 16 * row + 8)};
  }
  void set(int row, Rows256::Floats x) const {
    _mm256_store_ps(sums + 16 * row, x.half[0]);
    _mm256_store_ps(sums + 16 * row + 8, x.half[1]);
  }
  void store(float* /*at*/) const {}
};

inline __m256i broadcast_word(const std::byte* p) {
  std::int32_t word;
  std::memcpy(&word, p, sizeof word);
  return _mm256_set1_epi32(word);
}

// Products: how words of weights and of activations are multiplied and added.
// There are kSteps steps; the activations of `high` lie kHigh bytes after those
// of `low`.

// Pairs of products of bytes, summed in 16 bits. The sums may wrap on the way:
// where the last one fits, it is right. For it to fit, they start from what
// weights have too much that are stored as w + kExcess.
template <int kExcess, int kOffset, int kParts>
struct PairsOfBytes {
  static constexpr int kInputQuants = 32;
  static constexpr int kSteps = 4;
  static constexpr int kHigh = 16;

  static void store_quants(__m256i quants, std::byte* out) {
    store_256(out, quants);
  }
  // What the words lack in the end because of a kExcess beyond the weights' own
  // offset is the second start.
  static constexpr bool kLacks = kExcess != kOffset;
  static void set_starts(__m256i quants, HalfSums sums, std::int32_t* starts) {
    const __m256i pairs = _mm256_maddubs_epi16(
        _mm256_set1_epi8(static_cast<char>(kExcess)), quants);
    const __m128i first = _mm256_castsi256_si128(pairs);
    const __m128i last = _mm256_extracti128_si256(pairs, 1);
    if constexpr (kParts == 2) {
      static_assert(!kLacks);
      starts[0] = negated_pairs(first);
      starts[1] = negated_pairs(last);
    } else {
      starts[0] = negated_pairs(_mm_add_epi16(first, last));
      starts[1] = (kExcess - kOffset) * sums.all();
    }
  }

  static __m256i add(__m256i sum, __m256i weights, __m256i x) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, x));
  }
  static __m256i words(__m256i sum) {
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
  }

 private:
  // Columns 0 and 1, and columns 2 and 3, of all words.
  static std::int32_t negated_pairs(__m128i s) {
    s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0x4e));
    s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0xb1));
    return _mm_cvtsi128_si32(_mm_sub_epi16(_mm_setzero_si128(), s));
  }
};

// Bytes are widened to 16 bits, even columns and odd ones apart, because
// products of pairs of bytes would not fit. Input: the even columns, then the
// odd ones.
template <int kOffset>
struct WidenedBytes {
  static constexpr int kInputQuants = 64;
  static constexpr int kSteps = 8;
  static constexpr int kHigh = 32;
  static constexpr bool kLacks = false;

  static void store_quants(__m256i quants, std::byte* out) {
    store_256(out, _mm256_srai_epi16(_mm256_slli_epi16(quants, 8), 8));
    store_256(out + 32, _mm256_srai_epi16(quants, 8));
  }
  static void set_starts(__m256i /*quants*/, HalfSums sums,
                         std::int32_t* starts) {
    starts[0] = -kOffset * sums.all();
    starts[1] = 0;
  }

  static __m256i add(__m256i sum, __m256i weights, __m256i x) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(weights, x));
  }
  static __m256i words(__m256i sum) { return sum; }
};

// 64 bytes of quants: a word of four columns of each row.
struct Line256 {
  __m256i half[2];

  explicit Line256(const std::byte* p) : half{load_256(p), load_256(p + 32)} {}
  Line256(__m256i first, __m256i last) : half{first, last} {}

  void store(std::byte* p) const {
    store_256(p, half[0]);
    store_256(p + 32, half[1]);
  }
  Line256 operator&(__m256i mask) const {
    return {_mm256_and_si256(half[0], mask), _mm256_and_si256(half[1], mask)};
  }
  Line256 operator|(const Line256& other) const {
    return {_mm256_or_si256(half[0], other.half[0]),
            _mm256_or_si256(half[1], other.half[1])};
  }
  // Of 16 bits at a time.
  Line256 operator<<(int bits) const {
    return {_mm256_slli_epi16(half[0], bits), _mm256_slli_epi16(half[1], bits)};
  }
  Line256 operator>>(int bits) const {
    return {_mm256_srli_epi16(half[0], bits), _mm256_srli_epi16(half[1], bits)};
  }
};

inline __m256i bytes_256(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}

// Quants: low<s>(quants) and high<s>(quants) are the unsigned weights of
// columns 4s.. and 16 + 4s.. of every row, given a block's.

struct FourBits256 {
  template <int kStep>
  static Line256 low(const std::byte* quants) {
    return Line256(quants + 64 * kStep) & bytes_256(15);
  }
  template <int kStep>
  static Line256 high(const std::byte* quants) {
    return Line256(quants + 64 * kStep) >> 4 & bytes_256(15);
  }
};

struct FiveBits256 {
  template <int kStep>
  static Line256 low(const std::byte* quants) {
    return FourBits256::low<kStep>(quants) |
           (Line256(quants + 256) << (4 - kStep) & bytes_256(16));
  }
  template <int kStep>
  static Line256 high(const std::byte* quants) {
    return FourBits256::high<kStep>(quants) |
           (Line256(quants + 256) >> kStep & bytes_256(16));
  }
};

struct SixBits256 {
  template <int kStep>
  static Line256 low(const std::byte* quants) {
    return FourBits256::low<kStep>(quants) | top_pairs<kStep>(quants + 256);
  }
  template <int kStep>
  static Line256 high(const std::byte* quants) {
    return FourBits256::high<kStep>(quants) | top_pairs<kStep>(quants + 320);
  }

 private:
  template <int kStep>
  static Line256 top_pairs(const std::byte* p) {
    const Line256 line(p);
    return (kStep < 2 ? line << (4 - 2 * kStep) : line >> (2 * kStep - 4)) &
           bytes_256(0x30);
  }
};

// Here `low` are the even columns of a line and `high` the odd ones, in 16 bits
// each.
struct EvenAndOdd256 {
  template <int kStep>
  static Line256 low(const std::byte* quants) {
    return Line256(quants + 64 * kStep) & _mm256_set1_epi16(255);
  }
  template <int kStep>
  static Line256 high(const std::byte* quants) {
    return Line256(quants + 64 * kStep) >> 8;
  }
};

// What others gave, kept in memory: the low and the high ones of each step.
struct Unpacked256 {
  template <int kStep>
  static Line256 low(const std::byte* lines) {
    return Line256(lines + 128 * kStep);
  }
  template <int kStep>
  static Line256 high(const std::byte* lines) {
    return Line256(lines + 128 * kStep + 64);
  }
};

// A Format of packed.h from a type of packed_weights.h, its quants and
// products. Where there are more rows than registers hold sums of, several
// tiles of them share each block. From more than kMaxDirectM rows on, its
// weights are taken apart once, by way of memory: that takes fewer
// instructions, or fewer registers.
template <typename Weights, typename Quants, typename Products, int kMaxDirectM>
struct Format256 : Products {
  static constexpr PackedLayout kLayout = Weights::kLayout;
  static constexpr int kInputBytes = Products::kInputQuants + sizeof(InputTail);
  static constexpr int kMaxTileM = 16;
  static constexpr int kMinFetchM = 1;
  // Weights of fewer bits are used so slowly that the processor's own fetching
  // keeps up.
  static constexpr int kNearBytes = kLayout.quant_bytes < 384 ? 0 : 4096;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInMemory;
  using Scales = typename Weights::Scales;

  static void pack(const float* x, std::byte* out) {
    pack_input<Format256>(x, out);
  }

  template <int M>
  static void tile(const std::byte* quants, const Scales& scales,
                   const std::byte* input, SumsInMemory sums) {
    if constexpr (M == 1) {  // so little work that a call would show
      add_block<M, Quants>(quants, scales, input, sums);
    } else if constexpr (M <= kMaxDirectM) {
      add_in_tiles<M, Quants>(quants, scales, input, sums);
    } else {
      alignas(64) std::byte lines[128 * Products::kSteps];
      unpack(quants, lines, Steps());
      add_in_tiles<M, Unpacked256>(lines, scales, input, sums);
    }
  }

 private:
  // Rows whose 32-bit or 16-bit sums fill 12 registers.
  static constexpr int kTileM = 6;
  using Steps = std::make_integer_sequence<int, Products::kSteps>;

  template <int... kStep>
  static void unpack(const std::byte* quants, std::byte* lines,
                     std::integer_sequence<int, kStep...>) {
    ((Quants::template low<kStep>(quants).store(lines + 128 * kStep),
      Quants::template high<kStep>(quants).store(lines + 128 * kStep + 64)),
     ...);
  }

  // Tiles of like size, one after the other.
  template <int M, typename Source>
  static void add_in_tiles(const std::byte* quants, const Scales& scales,
                           const std::byte* input, SumsInMemory sums) {
    constexpr int kSize = M / ((M + kTileM - 1) / kTileM);
    add_block_apart<kSize, Source>(quants, scales, input, sums);
    if constexpr (kSize < M) {
      add_in_tiles<M - kSize, Source>(quants, scales,
                                      input + kSize * kInputBytes,
                                      SumsInMemory(sums.sums + 16 * kSize));
    }
  }

  template <int M, typename Source>
  [[gnu::always_inline]] static void add_block(const std::byte* quants,
                                               const Scales& scales,
                                               const std::byte* input,
                                               SumsInMemory sums) {
    add_part<M, 0, Source>(quants, scales, input, sums, Steps());
    if constexpr (Scales::kParts == 2) {
      add_part<M, 1, Source>(quants, scales, input, sums, Steps());
    }
  }
  // With all registers to itself.
  template <int M, typename Source>
  [[gnu::noinline]] static void add_block_apart(const std::byte* quants,
                                                const Scales& scales,
                                                const std::byte* input,
                                                SumsInMemory sums) {
    add_block<M, Source>(quants, scales, input, sums);
  }

  template <int M, int kPart, typename Source, int... kStep>
  [[gnu::always_inline]] static void add_part(
      const std::byte* quants, const Scales& scales, const std::byte* input,
      SumsInMemory sums, std::integer_sequence<int, kStep...>) {
    const std::byte* tails = input + Products::kInputQuants;
    __m256i dots[M][2];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      dots[i][0] = dots[i][1] =
          broadcast_word(InputTail::start_at(tails + i * kInputBytes, kPart));
    }
    (add_step<M, kPart, Source, kStep>(quants, input, dots), ...);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* tail = tails + i * kInputBytes;
      Rows256::Words words = {Products::words(dots[i][0]),
                              Products::words(dots[i][1])};
      if constexpr (Products::kLacks) {
        const __m256i lacking = broadcast_word(InputTail::start_at(tail, 1));
        words.half[0] = _mm256_add_epi32(words.half[0], lacking);
        words.half[1] = _mm256_add_epi32(words.half[1], lacking);
      }
      sums.set(i, scales.template add<kPart>(words, tail, sums.get(i)));
    }
  }

  template <int M, int kPart, typename Source, int kStep>
  [[gnu::always_inline]] static void add_step(const std::byte* quants,
                                              const std::byte* input,
                                              __m256i (&dots)[M][2]) {
    constexpr bool kBoth = Scales::kParts == 1;
    const std::byte* words = input + 4 * kStep;
    if constexpr (kBoth || kPart == 0) {
      add_products<M>(Source::template low<kStep>(quants), words, dots);
    }
    if constexpr (kBoth || kPart == 1) {
      add_products<M>(Source::template high<kStep>(quants),
                      words + Products::kHigh, dots);
    }
  }

  template <int M>
  [[gnu::always_inline]] static void add_products(const Line256& weights,
                                                  const std::byte* input,
                                                  __m256i (&dots)[M][2]) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const __m256i x = broadcast_word(input + i * kInputBytes);
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        dots[i][half] = Products::add(dots[i][half], weights.half[half], x);
        // Holds the compiler to the order of the additions: g++ 12 adds the
        // products of several steps first and runs out of registers.
        asm("" : "+x"(dots[i][half]));
      }
    }
  }
};

struct PackedFormats256 {
  template <typename Weights, typename Quants, int kMaxDirectM,
            int kExcess = Weights::kOffset>
  using Pairs = Format256<
      Weights, Quants,
      PairsOfBytes<kExcess, Weights::kOffset, Weights::Scales::kParts>,
      kMaxDirectM>;

  using Q8_0 = Format256<Q8_0Weights<Rows256>, EvenAndOdd256,
                         WidenedBytes<Q8_0Weights<Rows256>::kOffset>, 6>;
  using Q4_0 = Pairs<Q4_0Weights<Rows256>, FourBits256, 6>;
  using Q4_K = Pairs<Q4_KWeights<Rows256>, FourBits256, 6>;
  // Five bits less 16, so that the sums fit.
  using Q5_K = Pairs<Q5_KWeights<Rows256>, FiveBits256, 4, 16>;
  using Q6_K = Pairs<Q6_KWeights<Rows256>, SixBits256, 4>;
};

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_256_H_
