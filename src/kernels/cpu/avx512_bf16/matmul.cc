#include "kernels/cpu/avx512/parts.h"
#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/simd/matmul.h"

// bf16 weights that cannot be packed, in place with vdpbf16ps: activations are
// rounded to bf16, as most frameworks compute such models, and multiply twice
// as fast.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16) {
  namespace {

  namespace floats = PILOTFISH_AVX512_SET(avx512);
  using floats::Vector;

  // 32 columns in order, of weights and activations alike.
  struct Source {
    static constexpr int kParts = 1;
    static constexpr int kColumns = 2 * Vector::kLanes;
    static constexpr int kWeightBytes = 64;
    static constexpr int kActivationBytes = 64;

    static __m512bh weights(const std::byte* p, int /*part*/, int /*sums*/) {
      return load(p);
    }
    static __m512bh activations(const std::byte* p, int /*part*/) {
      return load(p);
    }
    static __m512 multiply_add(__m512bh w, __m512bh x, __m512 sum) {
      return _mm512_dpbf16_ps(sum, w, x);
    }

   private:
    static __m512bh load(const std::byte* p) {
      __m512bh result;
      __builtin_memcpy(&result, p, sizeof result);
      return result;
    }
  };

  }  // namespace

  std::int64_t activation_bytes(DType weights, std::int64_t columns) {
    return weights == DType::kBF16 ? simd::activation_stride<Source>(columns)
                                   : floats::activation_bytes(weights, columns);
  }

  void pack_activations(DType weights, const float* x, std::int64_t columns,
                        std::byte* out) {
    if (weights != DType::kBF16) {
      floats::pack_activations(weights, x, columns, out);
      return;
    }
    const std::int64_t padded =
        (columns + Source::kColumns - 1) / Source::kColumns * Source::kColumns;
    for (std::int64_t k = 0; k < padded; k += Vector::kLanes) {
      const std::int64_t left = columns - k;
      Vector::store_bf16(
          out + 2 * k,
          left > 0 ? simd::load_at_most<Vector>(x + k, left) : Vector::zero());
    }
  }

  void matmul(const MatmulArgs& args, std::int64_t begin, std::int64_t end) {
    if (args.weights.dtype == DType::kBF16) {
      simd::multiply<Vector, Source, false>(args, begin, end);
    } else {
      floats::matmul(args, begin, end);
    }
  }

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16)
