#ifndef PILOTFISH_KERNELS_CPU_SETS_H_
#define PILOTFISH_KERNELS_CPU_SETS_H_

#include "kernels/kernels.h"

// The tables of each instruction set that was compiled in. Calling a table's
// functions is the caller's promise that the processor runs them.
namespace pilotfish {

namespace scalar {
extern const Kernels kKernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kKernels;
extern const Kernels kVnniKernels;
}  // namespace avx2
namespace avx512 {
extern const Kernels kKernels;
extern const Kernels kVnniKernels;
extern const Kernels kBf16Kernels;
}  // namespace avx512
#endif

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_CPU_SETS_H_
