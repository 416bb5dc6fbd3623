#ifndef PILOTFISH_KERNELS_CPU_AVX_VNNI_PARTS_H_
#define PILOTFISH_KERNELS_CPU_AVX_VNNI_PARTS_H_

#include "kernels/kernels.h"

// In what the set with AVX-VNNI differs from that with AVX2. The tests compile
// it a second time on an emulated instruction, under another name.
#ifdef PILOTFISH_EMULATE_AVX_VNNI
#define PILOTFISH_AVX_VNNI avx_vnni_emulated
#else
#define PILOTFISH_AVX_VNNI avx_vnni
#endif

namespace pilotfish::PILOTFISH_AVX_VNNI {

extern const PackedKernels kPacked;

}  // namespace pilotfish::PILOTFISH_AVX_VNNI

#endif  // PILOTFISH_KERNELS_CPU_AVX_VNNI_PARTS_H_
