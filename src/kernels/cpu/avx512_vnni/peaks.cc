#include "kernels/cpu/peaks.h"

#include <immintrin.h>

#include "kernels/cpu/simd/peak_loop.h"

namespace pilotfish::avx512_vnni {
namespace {

double run_int8(std::int64_t rounds) {
  return run_peak_loop<std::int32_t>(
      rounds, _mm512_set1_epi8(1),
      [](__m512i sum, __m512i x) { return _mm512_dpbusd_epi32(sum, x, x); });
}

}  // namespace

constinit const PeakKernel kInt8Peak = {"vpdpbusd zmm, int8", kPeakSums * 64,
                                        run_int8};

}  // namespace pilotfish::avx512_vnni
