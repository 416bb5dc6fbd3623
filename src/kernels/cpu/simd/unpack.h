#ifndef PILOTFISH_KERNELS_CPU_SIMD_UNPACK_H_
#define PILOTFISH_KERNELS_CPU_SIMD_UNPACK_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/dtype.h"
#include "tensor/quantise.h"

// Rows of any dtype to floats, for vectors V. tensor/blocks describes the
// layouts. The bytes are taken apart with AVX2's integer instructions in every
// set; V widens and scales them.
namespace pilotfish::simd {

namespace {
float half(const std::byte *p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}
}  // namespace

template <typename V>
struct Unpacker {
  using Floats = typename V::Floats;

  static void row(DType dtype, const std::byte *source, float *out,
                  std::int64_t n) {
    switch (dtype) {
      case DType::kF32:
        std::memcpy(out, source, static_cast<size_t>(n) * 4);
        return;
      case DType::kF16:
        return halves<V::load_f16>(dtype, source, out, n);
      case DType::kBF16:
        return halves<V::load_bf16>(dtype, source, out, n);
      case DType::kQ8_0:
        return blocks<q8_0, 32, 34>(source, out, n);
      case DType::kQ4_0:
        return blocks<q4_0, 32, 18>(source, out, n);
      case DType::kQ4_K:
        return blocks<q4_k, 256, 144>(source, out, n);
      case DType::kQ6_K:
        return blocks<q6_k, 256, 210>(source, out, n);
      default:
        return dequantise_row(dtype, source, out, n);
    }
  }

 private:
  template <Floats (*load)(const std::byte *)>
  static void halves(DType dtype, const std::byte *source, float *out,
                     std::int64_t n) {
    std::int64_t i = 0;
    for (; i + V::kLanes <= n; i += V::kLanes) {
      V::store(out + i, load(source + 2 * i));
    }
    dequantise_row(dtype, source + 2 * i, out + i, n - i);
  }

  template <void (*block)(const std::byte *, float *), int kElements,
            int kBytes>
  static void blocks(const std::byte *source, float *out, std::int64_t n) {
    for (std::int64_t i = 0; i < n; i += kElements) {
      block(source, out + i);
      source += kBytes;
    }
  }

  static void q8_0(const std::byte *block, float *out) {
    const Floats d = V::broadcast(half(block));
    for (int l = 0; l < 32; l += V::kLanes) {
      V::store(out + l,
               V::multiply(V::from_s8(V::load_bytes(block + 2 + l)), d));
    }
  }

  static void q4_0(const std::byte *block, float *out) {
    const __m128i bytes =
        _mm_loadu_si128(reinterpret_cast<const __m128i *>(block + 2));
    const __m256i quants = _mm256_and_si256(
        _mm256_set_m128i(_mm_srli_epi16(bytes, 4), bytes), low_halves());
    scaled(_mm256_sub_epi8(quants, _mm256_set1_epi8(8)),
           V::broadcast(half(block)), V::zero(), out);
  }

  static void q4_k(const std::byte *block, float *out) {
    const float d = half(block);
    const float dmin = half(block + 2);
    std::uint8_t packed[12];
    std::memcpy(packed, block + 4, sizeof packed);
    for (int group = 0; group < 8; ++group) {
      int scale = packed[group % 4 + (group < 4 ? 0 : 8)];
      int minimum = packed[group + 4];
      if (group < 4) {
        scale &= 63;
        minimum &= 63;
      } else {
        scale = (scale & 15) | packed[group - 4] >> 6 << 4;
        minimum = minimum >> 4 | packed[group] >> 6 << 4;
      }
      __m256i quants = load_256(block + 16 + 32 * (group / 2));
      if (group % 2 == 1) quants = _mm256_srli_epi16(quants, 4);
      scaled(_mm256_and_si256(quants, low_halves()),
             V::broadcast(d * static_cast<float>(scale)),
             V::broadcast(-dmin * static_cast<float>(minimum)),
             out + 32 * group);
    }
  }

  static void q6_k(const std::byte *block, float *out) {
    const float d = half(block + 208);
    std::int8_t scales[16];
    std::memcpy(scales, block + 192, sizeof scales);
    for (int run = 0; run < 8; ++run) {  // of 32 elements, four in each half
      const int part = run % 4;
      __m256i bottom = load_256(block + run / 4 * 64 + part % 2 * 32);
      if (part >= 2) bottom = _mm256_srli_epi16(bottom, 4);
      const __m256i top = _mm256_and_si256(
          _mm256_srli_epi16(load_256(block + 128 + run / 4 * 32), 2 * part),
          _mm256_set1_epi8(3));
      const __m256i quants = _mm256_or_si256(
          _mm256_and_si256(bottom, low_halves()), _mm256_slli_epi16(top, 4));
      alignas(32) std::int8_t bytes[32];
      _mm256_store_si256(reinterpret_cast<__m256i *>(bytes),
                         _mm256_sub_epi8(quants, _mm256_set1_epi8(32)));
      for (int l = 0; l < 32; l += V::kLanes) {
        const Floats scale =
            V::broadcast(d * static_cast<float>(scales[2 * run + l / 16]));
        V::store(
            out + 32 * run + l,
            V::multiply(V::from_s8(V::load_bytes(as_bytes(bytes + l))), scale));
      }
    }
  }

  // out = quants * scale + offset, for 32 signed bytes.
  static void scaled(__m256i quants, Floats scale, Floats offset, float *out) {
    alignas(32) std::int8_t bytes[32];
    _mm256_store_si256(reinterpret_cast<__m256i *>(bytes), quants);
    for (int l = 0; l < 32; l += V::kLanes) {
      V::store(out + l, V::fma(V::from_s8(V::load_bytes(as_bytes(bytes + l))),
                               scale, offset));
    }
  }

  static __m256i load_256(const std::byte *p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
  }
  static __m256i low_halves() { return _mm256_set1_epi8(15); }
  static const std::byte *as_bytes(const std::int8_t *p) {
    return reinterpret_cast<const std::byte *>(p);
  }
};

}  // namespace pilotfish::simd

#endif  // PILOTFISH_KERNELS_CPU_SIMD_UNPACK_H_
