#ifndef PILOTFISH_KERNELS_CPU_SIMD_PACKED_INPUT_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PACKED_INPUT_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

// Activations for quantised weights, rounded to int8 with AVX2's instructions
// in every set.
namespace pilotfish::simd {
namespace {  // copies for each set, which the linker must not mix

inline __m256i load_256(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store_256(std::byte* p, __m256i x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
}

// Follows the quants of an input block. `starts` is the format's own: with what
// it starts its integer sums, so that weights may be stored too large by an
// offset.
struct InputTail {
  float scale;  // an activation is scale * quant
  float sum;    // of the block's activations, for minima
  std::int32_t starts[2];

  static float scale_at(const std::byte* tail) { return load_float(tail); }
  static float sum_at(const std::byte* tail) { return load_float(tail + 4); }
  static const std::byte* start_at(const std::byte* tail, int i) {
    return tail + 8 + 4 * i;
  }

 private:
  static float load_float(const std::byte* p) {
    float value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
};

// 32 activations as integers: x = scale * quants, rounded to nearest even.
struct Quantised256 {
  __m256i quants;  // 32 signed bytes, -127 to 127
  float scale;
};

// The largest of the lanes.
inline std::int32_t largest_word(__m256i x) {
  __m128i m =
      _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
  return _mm_cvtsi128_si32(m);
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

inline std::int32_t sum_of_words(__m128i s) {
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

// Sums of the 16 signed bytes of each half of a block.
struct HalfSums {
  std::int32_t first;
  std::int32_t last;

  explicit HalfSums(__m256i quants) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), quants);
    const __m256i words = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    first = sum_of_words(_mm256_castsi256_si128(words));
    last = sum_of_words(_mm256_extracti128_si256(words, 1));
  }
  std::int32_t all() const { return first + last; }
};

// Writes a block's input: the quants as Format::store_quants lays them out, in
// Format::kInputQuants bytes, and the tail with what Format::set_starts puts
// into it.
template <typename Format>
void pack_input(const float* x, std::byte* out) {
  const Quantised256 q = quantise_256(x);
  const HalfSums sums(q.quants);
  InputTail tail;
  tail.scale = q.scale;
  tail.sum = static_cast<float>(sums.all()) * q.scale;
  Format::set_starts(q.quants, sums, tail.starts);
  Format::store_quants(q.quants, out);
  std::memcpy(out + Format::kInputQuants, &tail, sizeof tail);
}

}  // namespace
}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PACKED_INPUT_H_
