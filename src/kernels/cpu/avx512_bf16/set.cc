#include "kernels/cpu/avx512/vector.h"
// After vector.h, which has its intrinsics.
#include "kernels/cpu/avx512_bf16/packed.h"
#include "kernels/cpu/sets.h"
#include "kernels/cpu/simd/set.h"

// The AVX-512 VNNI set with vdpbf16ps for bf16 weights: activations are rounded
// to bf16, as most frameworks compute such models, and multiply twice as fast.
// Matrices that cannot be packed are multiplied in place.
namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16) {
  namespace {

  using Vector = PILOTFISH_AVX512_SET(avx512)::Vector;

  // 32 columns in order, of weights and activations alike.
  struct Source {
    static constexpr int kParts = 1;
    static constexpr int kColumns = 2 * Vector::kLanes;
    static constexpr int kWeightBytes = 64;
    static constexpr int kActivationBytes = 64;

    static __m512bh weights(const std::byte* p, int /*part*/) {
      __m512bh result;
      __builtin_memcpy(&result, p, sizeof result);
      return result;
    }
    static __m512bh activations(const std::byte* p, int part) {
      return weights(p, part);
    }
    static __m512 multiply_add(__m512bh w, __m512bh x, __m512 sum) {
      return _mm512_dpbf16_ps(sum, w, x);
    }
  };

  std::int64_t activation_bytes(DType weights, std::int64_t columns) {
    return weights == DType::kBF16
               ? simd::activation_stride<Source>(columns)
               : simd::activation_bytes<Vector>(weights, columns);
  }

  void pack_activations(DType weights, const float* x, std::int64_t columns,
                        std::byte* out) {
    if (weights != DType::kBF16) {
      simd::pack_activations<Vector>(weights, x, columns, out);
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
      simd::matmul<Vector>(args, begin, end);
    }
  }

  struct PackedFormats : simd::PackedFormats512 {
    using BF16 = Bf16Format512;
  };

  constexpr Kernels make() {
    Kernels kernels = simd::make_kernels<Vector, PackedFormats>(
        PILOTFISH_AVX512_NAME("avx512_bf16"));
    kernels.activation_bytes = activation_bytes;
    kernels.pack_activations = pack_activations;
    kernels.matmul = matmul;
    return kernels;
  }

  }  // namespace

  constinit const Kernels kKernels = make();

}  // namespace pilotfish::PILOTFISH_AVX512_SET(avx512_bf16)
