// As avx512_test.cc, for the set with AVX-VNNI: its products here, and AVX2's
// for all else.
#include <immintrin.h>

#include "kernels/cpu/avx2/parts.h"
#include "kernels/cpu/avx2/vector.h"
#include "kernels/cpu/emulated/sets.h"
#include "kernels/cpu/simd/set.h"

namespace pilotfish::emulated {
namespace {

// The even bytes and the odd ones, widened to 16 bits.
__m256i dpbusd_avx_epi32(__m256i sum, __m256i a, __m256i b) {
  const __m256i even =
      _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(255)),
                        _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odd =
      _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

}  // namespace
}  // namespace pilotfish::emulated

#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 pilotfish::emulated::dpbusd_avx_epi32
#define PILOTFISH_EMULATE_AVX_VNNI
#include "kernels/cpu/avx_vnni/packed.cc"

namespace pilotfish::avx_vnni_emulated {

constinit const Kernels kKernels = simd::make_kernels<avx2::Vector>(
    "avx_vnni_emulated",
    {avx2::activation_bytes, avx2::pack_activations, avx2::matmul, kPacked},
    avx2::attention);

}  // namespace pilotfish::avx_vnni_emulated
