#include "kernels/peaks.h"

#include "base/cpu_features.h"
#include "kernels/cpu/peaks.h"
#include "kernels/kernels.h"

namespace pilotfish {

std::vector<PeakKernel> peak_kernels(std::string_view instruction_set) {
  const std::string_view set = kernels_named(instruction_set).name;
  std::vector<PeakKernel> peaks;
#if defined(__x86_64__)
  if (set.starts_with("avx512")) {
    peaks.push_back(avx512::kFmaPeak);
    if (cpu_features().avx512_bf16) peaks.push_back(avx512_bf16::kBf16Peak);
    peaks.push_back(cpu_features().avx512_vnni ? avx512_vnni::kInt8Peak
                                               : avx512::kInt8Peak);
  } else if (set == "avx_vnni") {
    peaks = {avx2::kFmaPeak, avx_vnni::kInt8Peak};
  } else if (set == "avx2") {
    peaks = {avx2::kFmaPeak, avx2::kInt8Peak};
  }
#endif
  return peaks;
}

}  // namespace pilotfish
