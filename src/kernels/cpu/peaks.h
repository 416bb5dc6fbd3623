#ifndef PILOTFISH_KERNELS_CPU_PEAKS_H_
#define PILOTFISH_KERNELS_CPU_PEAKS_H_

#include "kernels/peaks.h"

// The loops of each instruction set that was compiled in. Running one is the
// caller's promise that the processor has the instruction.
#if defined(__x86_64__)
namespace pilotfish {

namespace avx2 {
extern const PeakKernel kFmaPeak;
extern const PeakKernel kInt8Peak;
}  // namespace avx2
namespace avx_vnni {
extern const PeakKernel kInt8Peak;
}
namespace avx512 {
extern const PeakKernel kFmaPeak;
extern const PeakKernel kInt8Peak;
}  // namespace avx512
namespace avx512_vnni {
extern const PeakKernel kInt8Peak;
}
namespace avx512_bf16 {
extern const PeakKernel kBf16Peak;
}

}  // namespace pilotfish
#endif

#endif  // PILOTFISH_KERNELS_CPU_PEAKS_H_
