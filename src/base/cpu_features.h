#ifndef PILOTFISH_BASE_CPU_FEATURES_H_
#define PILOTFISH_BASE_CPU_FEATURES_H_

namespace pilotfish {

// What the processor and the operating system both support.
struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx_vnni = false;     // vpdpbusd of 256 bits, beside AVX2
  bool avx512 = false;       // F, BW, VL and DQ
  bool avx512_bf16 = false;  // vdpbf16ps
  bool avx512_vnni = false;  // vpdpbusd
};
const CpuFeatures& cpu_features();

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_CPU_FEATURES_H_
