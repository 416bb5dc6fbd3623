#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx_vnni {
namespace {

double run_int8(std::int64_t rounds) {
  return run_peak_loop<std::int32_t>(
      rounds, _mm256_set1_epi8(1), [](__m256i sum, __m256i x) {
        return _mm256_dpbusd_avx_epi32(sum, x, x);
      });
}

}  // namespace

constinit const PeakKernel kInt8Peak = {"vpdpbusd ymm, int8", kPeakSums * 32,
                                        run_int8};

}  // namespace pilotfish::avx_vnni
