#ifndef PILOTFISH_KERNELS_CPU_AVX512_BF16_PACKED_H_
#define PILOTFISH_KERNELS_CPU_AVX512_BF16_PACKED_H_

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/simd/packed_512.h"

// Packed bf16 weights with vdpbf16ps, which adds two products to each row's
// sum: the 16 rows of a group in one vector.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16) {
  namespace {

  // Of M rows: sums over the even and over the odd lines of a span of columns,
  // two chains to hide the instruction's latency. They are added to the sums in
  // memory at the end of every span, always of the same columns.
  template <int M>
  struct SumsOfSpan {
    __m512 rows[M][2];

    explicit SumsOfSpan(const float* /*sums*/) {
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        rows[i][0] = rows[i][1] = _mm512_setzero_ps();
      }
    }
    void store(float* sums) const {
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        float* at = sums + 16 * i;
        _mm512_storeu_ps(at,
                         _mm512_add_ps(_mm512_loadu_ps(at),
                                       _mm512_add_ps(rows[i][0], rows[i][1])));
      }
    }
  };

  // Input: 32 bf16 in order.
  struct Bf16Format512 {
    static constexpr int kSpan = 32;
    static constexpr int kRecordBytes = 0;
    static constexpr int kQuantBytes = 1024;
    static constexpr int kInputBytes = 64;
    static constexpr int kMaxTileM = 8;
    static constexpr int kMinFetchM = 5;
    static constexpr bool kSumsBySpan = true;
    template <int M>
    using Sums = SumsOfSpan<M>;

    struct Scales {};
    static Scales scales(const std::byte* /*record*/, int /*block*/) {
      return {};
    }

    static void pack(const float* x, std::byte* out) {
      using Vector = PILOTFISH_AVX512_SET(avx512)::Vector;
      Vector::store_bf16(out, Vector::load(x));
      Vector::store_bf16(out + 32, Vector::load(x + 16));
    }

    template <int M>
    static void tile(const std::byte* quants, const Scales& /*scales*/,
                     const std::byte* input, SumsOfSpan<M>& sums) {
#pragma GCC unroll 16
      for (int line = 0; line < 16; ++line) {
        const __m512bh weights = as_bf16(simd::load_512(quants + 64 * line));
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const __m512i x =
              simd::broadcast_512(input + i * kInputBytes + 4 * line);
          __m512& sum = sums.rows[i][line % 2];
          sum = _mm512_dpbf16_ps(sum, weights, as_bf16(x));
        }
      }
    }

   private:
    static __m512bh as_bf16(__m512i x) {
      __m512bh result;
      __builtin_memcpy(&result, &x, sizeof result);
      return result;
    }
  };

  }  // namespace
}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16)

#endif  // PILOTFISH_KERNELS_CPU_AVX512_BF16_PACKED_H_
