#ifndef PILOTFISH_KERNELS_CPU_EMULATED_SETS_H_
#define PILOTFISH_KERNELS_CPU_EMULATED_SETS_H_

#include "kernels/kernels.h"

// Sets on emulated instructions; part of the tests only, since they are slow.
// They need AVX2.
namespace pilotfish {

namespace avx_vnni_emulated {
extern const Kernels kKernels;
}
namespace avx512_emulated {
extern const Kernels kKernels;
extern const Kernels kBf16Kernels;
}  // namespace avx512_emulated

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_CPU_EMULATED_SETS_H_
