#include "kernels/cpu/avx_vnni/parts.h"
#include "kernels/cpu/simd/packed_256.h"

namespace pilotfish::PILOTFISH_AVX_VNNI {
namespace {

// Products of packed_256.h: four of unsigned weights and signed activations are
// added to 32 bits.
template <typename Weights>
struct FoursOfBytes {
  static constexpr int kInputQuants = 32;
  static constexpr int kSteps = 4;
  static constexpr int kHigh = 16;
  static constexpr bool kLacks = false;

  static void store_quants(__m256i quants, std::byte* out) {
    simd::store_256(out, quants);
  }
  static void set_starts(__m256i /*quants*/, simd::HalfSums sums,
                         std::int32_t* starts) {
    constexpr bool kHalves = Weights::Scales::kParts == 2;
    starts[0] = -Weights::kOffset * (kHalves ? sums.first : sums.all());
    starts[1] = kHalves ? -Weights::kOffset * sums.last : 0;
  }
  static __m256i add(__m256i sum, __m256i weights, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sum, weights, x);
  }
  static __m256i words(__m256i sum) { return sum; }
};

// Quants of packed_256.h.
struct EightBits256 {
  template <int kStep>
  static simd::Line256 low(const std::byte* quants) {
    return simd::Line256(quants + 64 * kStep);
  }
  template <int kStep>
  static simd::Line256 high(const std::byte* quants) {
    return simd::Line256(quants + 64 * kStep + 256);
  }
};

// The products fill two of a processor's execution units and leave the others
// to the unpacking of four bits, however often that is done.
struct Formats {
  template <typename Weights, typename Quants, int kMaxDirectM>
  using Fours =
      simd::Format256<Weights, Quants, FoursOfBytes<Weights>, kMaxDirectM>;

  using Q8_0 = Fours<simd::Q8_0Weights<simd::Rows256>, EightBits256, 16>;
  using Q4_0 = Fours<simd::Q4_0Weights<simd::Rows256>, simd::FourBits256, 16>;
  using Q4_K = Fours<simd::Q4_KWeights<simd::Rows256>, simd::FourBits256, 16>;
  using Q5_K = Fours<simd::Q5_KWeights<simd::Rows256>, simd::FiveBits256, 4>;
  using Q6_K = Fours<simd::Q6_KWeights<simd::Rows256>, simd::SixBits256, 4>;
};

}  // namespace

constinit const PackedKernels kPacked = simd::PackedFunctions<Formats>::table();

}  // namespace pilotfish::PILOTFISH_AVX_VNNI
