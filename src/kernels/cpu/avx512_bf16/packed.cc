#include <cstddef>
#include <cstdint>

#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/simd/packed_512.h"

// Packed bf16 weights with vdpbf16ps, which adds two products to each row's
// sum: the 16 rows of a group in one vector.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16) {
  namespace {

  // Products with quantised weights are those of the VNNI set.
  constexpr const PackedKernels& kQuantised =
      PILOTFISH_AVX512_SET(avx512_vnni)::kPacked;

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
    static constexpr PackedLayout kLayout = kBF16Layout;
    static constexpr int kInputBytes = 64;
    static constexpr int kMaxTileM = 8;
    static constexpr int kMinFetchM = 5;
    static constexpr int kNearBytes = 4096;
    static constexpr bool kSumsBySpan = true;
    template <int M>
    using Sums = SumsOfSpan<M>;

    struct Scales {
      Scales(const std::byte* /*record*/, int /*block*/) {}
    };

    static void pack(const float* x, std::byte* out) {
      using Floats = PILOTFISH_AVX512_SET(avx512)::Vector;
      Floats::store_bf16(out, Floats::load(x));
      Floats::store_bf16(out + 32, Floats::load(x + 16));
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

  std::int64_t packed_activation_bytes(DType weights, std::int64_t columns) {
    return weights == DType::kBF16
               ? simd::input_bytes<Bf16Format512>(columns)
               : kQuantised.activation_bytes(weights, columns);
  }

  void pack_rows(DType weights, const float* x, std::int64_t columns,
                 std::int64_t row, std::int64_t m, std::byte* out) {
    if (weights == DType::kBF16) {
      simd::pack_rows<Bf16Format512>(x, columns, row, m, out);
    } else {
      kQuantised.pack_activations(weights, x, columns, row, m, out);
    }
  }

  void multiply_packed(const MatmulArgs& args, std::int64_t begin,
                       std::int64_t end) {
    if (args.weights.dtype == DType::kBF16) {
      simd::multiply_packed<Bf16Format512>(args, begin, end);
    } else {
      kQuantised.matmul(args, begin, end);
    }
  }

  }  // namespace

  constinit const PackedKernels kPacked = {
      .has_bf16 = true,
      .activation_bytes = packed_activation_bytes,
      .pack_activations = pack_rows,
      .matmul = multiply_packed,
  };

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16)
