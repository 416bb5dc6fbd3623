#ifndef PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_
#define PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_

#include <cstdint>

// Keeps the compiler from knowing what a vector register holds, so that nothing
// is moved out of the loop or summed up ahead. A macro, since the functions
// that use it have flags of their own.
#define PILOTFISH_OPAQUE(vector) asm volatile("" : "+v"(vector))

// Independent sums of a loop: more than two units with a latency of four or
// five cycles need.
inline constexpr int kPeakSums = 12;

#endif  // PILOTFISH_KERNELS_CPU_SIMD_PEAK_LOOP_H_
