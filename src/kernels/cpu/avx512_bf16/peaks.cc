#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512_bf16 {
namespace {

double run_bf16(std::int64_t rounds) {
  __m512i ones = _mm512_set1_epi16(0x3F80);
  __m512 sums[kPeakSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
    PILOTFISH_OPAQUE(ones);
    __m512bh a;
    __builtin_memcpy(&a, &ones, sizeof a);
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, a, a);
    for (__m512& sum : sums) PILOTFISH_OPAQUE(sum);
  }
  double total = 0;
  for (const __m512& sum : sums) {
    float lanes[16];
    _mm512_storeu_ps(lanes, sum);
    for (const float lane : lanes) total += lane;
  }
  return total;
}

}  // namespace

constinit const PeakKernel kBf16Peak = {"vdpbf16ps zmm, bf16", kPeakSums * 32,
                                        run_bf16};

}  // namespace pilotfish::avx512_bf16
