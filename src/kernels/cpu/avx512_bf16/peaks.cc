#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512_bf16 {
namespace {

double run_bf16(std::int64_t rounds) {
  return run_peak_loop<float>(rounds, all_lanes<__m512>(std::uint16_t{0x3F80}),
                              [](__m512 sum, __m512 ones) {
                                __m512bh x;
                                __builtin_memcpy(&x, &ones, sizeof x);
                                return _mm512_dpbf16_ps(sum, x, x);
                              });
}

}  // namespace

constinit const PeakKernel kBf16Peak = {"vdpbf16ps zmm, bf16", kPeakSums * 32,
                                        run_bf16};

}  // namespace pilotfish::avx512_bf16
