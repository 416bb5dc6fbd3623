#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/simd/packed.h"
#include "kernels/cpu/simd/packed_input.h"
#include "kernels/cpu/simd/packed_weights.h"

// Packed formats in AVX-512 VNNI's vpdpbusd, which adds four products of
// unsigned weights and signed activations to each row's 32-bit sum: the 16 rows
// of a group in one vector. Intrinsics come with the set's vector.h, which may
// emulate them.
namespace pilotfish::simd {
namespace {

inline __m512i load_512(const std::byte* p) { return _mm512_loadu_si512(p); }
inline __m512i bytes_512(int value) {
  return _mm512_set1_epi8(static_cast<char>(value));
}
inline __m512i broadcast_512(const std::byte* p) {  // of four bytes
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return _mm512_set1_epi32(word);
}

// The W of packed_weights.h.
struct Rows512 {
  using Floats = __m512;
  using Words = __m512i;

  static Floats load_f16(const std::byte* p) {
    return _mm512_cvtph_ps(load_256(p));
  }
  static Floats load_u8(const std::byte* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_128(p)));
  }
  static Floats load_s8(const std::byte* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_128(p)));
  }
  static Floats to_floats(Words x) { return _mm512_cvtepi32_ps(x); }
  static Floats broadcast(float x) { return _mm512_set1_ps(x); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats fma(Floats a, Floats b, Floats c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  static Floats fnma(Floats a, Floats b, Floats c) {
    return _mm512_fnmadd_ps(a, b, c);
  }

 private:
  static __m128i load_128(const std::byte* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
};

// A tile's sums, one register per row.
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

// Quants: words<s>(quants, low, high) are the unsigned weights of columns 4s..
// and 16 + 4s.. of every row.

struct EightBits512 {
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    low = load_512(quants + 64 * kStep);
    high = load_512(quants + 64 * kStep + 256);
  }
};

struct FourBits512 {
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    const __m512i bytes = load_512(quants + 64 * kStep);
    low = _mm512_and_si512(bytes, bytes_512(15));
    high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), bytes_512(15));
  }
};

struct FiveBits512 {
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    FourBits512::words<kStep>(quants, low, high);
    const __m512i fifths = _mm512_srli_epi16(load_512(quants + 256), kStep);
    low = _mm512_or_si512(
        low, _mm512_and_si512(_mm512_slli_epi16(fifths, 4), bytes_512(16)));
    high = _mm512_or_si512(high, _mm512_and_si512(fifths, bytes_512(16)));
  }
};

struct SixBits512 {
  template <int kStep>
  static void words(const std::byte* quants, __m512i& low, __m512i& high) {
    FourBits512::words<kStep>(quants, low, high);
    low = _mm512_or_si512(low, top_pairs<kStep>(quants + 256));
    high = _mm512_or_si512(high, top_pairs<kStep>(quants + 320));
  }

 private:
  template <int kStep>
  static __m512i top_pairs(const std::byte* line) {
    const __m512i pairs = _mm512_srli_epi16(load_512(line), 2 * kStep);
    return _mm512_and_si512(_mm512_slli_epi16(pairs, 4), bytes_512(0x30));
  }
};

// A Format of packed.h from a type of packed_weights.h and its quants. The
// integer sums of each part start from what its weights have too much.
template <typename Weights, typename Quants>
struct VnniFormat {
  static constexpr PackedLayout kLayout = Weights::kLayout;
  static constexpr int kInputQuants = 32;
  static constexpr int kInputBytes = kInputQuants + sizeof(InputTail);
  static constexpr int kMaxTileM = 8;
  static constexpr int kMinFetchM = 1;
  static constexpr int kNearBytes = 0;
  static constexpr bool kSumsBySpan = false;
  template <int M>
  using Sums = SumsInRegisters<M>;
  using Scales = typename Weights::Scales;

  static void pack(const float* x, std::byte* out) {
    pack_input<VnniFormat>(x, out);
  }
  static void store_quants(__m256i quants, std::byte* out) {
    store_256(out, quants);
  }
  static void set_starts(__m256i /*quants*/, HalfSums sums,
                         std::int32_t* starts) {
    starts[0] = -Weights::kOffset * (kHalves ? sums.first : sums.all());
    starts[1] = kHalves ? -Weights::kOffset * sums.last : 0;
  }

  template <int M>
  static void tile(const std::byte* quants, const Scales& scales,
                   const std::byte* input, SumsInRegisters<M>& sums) {
    // A second chain where the halves need one, or the rows are too few to
    // hide an instruction's latency.
    constexpr int kChains = kHalves || M <= 4 ? 2 : 1;
    const std::byte* tails = input + kInputQuants;
    __m512i dots[M][kChains];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int c = 0; c < kChains; ++c) {
        dots[i][c] = Weights::kOffset == 0 || (c == 1 && !kHalves)
                         ? _mm512_setzero_si512()
                         : broadcast_512(
                               InputTail::start_at(tails + i * kInputBytes, c));
      }
    }
    add_step<M, 0>(quants, input, dots);
    add_step<M, 1>(quants, input, dots);
    add_step<M, 2>(quants, input, dots);
    add_step<M, 3>(quants, input, dots);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* tail = tails + i * kInputBytes;
      if constexpr (kChains == 2 && !kHalves) {
        dots[i][0] = _mm512_add_epi32(dots[i][0], dots[i][1]);
      }
      sums.rows[i] = scales.template add<0>(dots[i][0], tail, sums.rows[i]);
      if constexpr (kHalves) {
        sums.rows[i] = scales.template add<1>(dots[i][1], tail, sums.rows[i]);
      }
    }
  }

 private:
  static constexpr bool kHalves = Scales::kParts == 2;

  template <int M, int kStep, int kChains>
  static void add_step(const std::byte* quants, const std::byte* input,
                       __m512i (&dots)[M][kChains]) {
    __m512i low, high;
    Quants::template words<kStep>(quants, low, high);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const std::byte* row = input + i * kInputBytes + 4 * kStep;
      __m512i& last = dots[i][kChains - 1];
      dots[i][0] = _mm512_dpbusd_epi32(dots[i][0], low, broadcast_512(row));
      last = _mm512_dpbusd_epi32(last, high, broadcast_512(row + 16));
    }
  }
};

struct PackedFormats512 {
  using Q8_0 = VnniFormat<Q8_0Weights<Rows512>, EightBits512>;
  using Q4_0 = VnniFormat<Q4_0Weights<Rows512>, FourBits512>;
  using Q4_K = VnniFormat<Q4_KWeights<Rows512>, FourBits512>;
  using Q5_K = VnniFormat<Q5_KWeights<Rows512>, FiveBits512>;
  using Q6_K = VnniFormat<Q6_KWeights<Rows512>, SixBits512>;
};

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_512_H_
