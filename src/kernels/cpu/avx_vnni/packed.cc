#include "kernels/cpu/avx_vnni/parts.h"
#include "kernels/cpu/simd/packed_256.h"

namespace pilotfish::PILOTFISH_AVX_VNNI {
namespace {

// Four products of unsigned weights and signed activations, added to 32 bits.
template <int kOffset, int kParts>
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
    starts[0] = -kOffset * (kParts == 2 ? sums.first : sums.all());
    starts[1] = kParts == 2 ? -kOffset * sums.last : 0;
  }
  static __m256i add(__m256i sum, __m256i weights, __m256i x) {
    return _mm256_dpbusd_avx_epi32(sum, weights, x);
  }
  static __m256i words(__m256i sum) { return sum; }
};

struct EightBits256 {
  explicit EightBits256(const std::byte*) {}
  simd::Line256 low(const std::byte* line) const { return simd::Line256(line); }
  simd::Line256 high(const std::byte* line) const {
    return simd::Line256(line + 256);
  }
  void advance() {}
};

struct Formats {
  template <typename Weights, typename Quants, int kTileM>
  using Fours =
      simd::Format256<Weights, Quants,
                      FoursOfBytes<Weights::kOffset, Weights::Scales::kParts>,
                      kTileM>;

  using Q8_0 = Fours<simd::Q8_0Weights<simd::Rows256>, EightBits256, 6>;
  using Q4_0 = Fours<simd::Q4_0Weights<simd::Rows256>, simd::FourBits256, 6>;
  using Q4_K = Fours<simd::Q4_KWeights<simd::Rows256>, simd::FourBits256, 6>;
  using Q5_K = Fours<simd::Q5_KWeights<simd::Rows256>, simd::FiveBits256, 5>;
  using Q6_K = Fours<simd::Q6_KWeights<simd::Rows256>, simd::SixBits256, 5>;
};

}  // namespace

constinit const PackedKernels kPacked = simd::PackedFunctions<Formats>::table();

}  // namespace pilotfish::PILOTFISH_AVX_VNNI
