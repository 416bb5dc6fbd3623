// Not tests of its own: the AVX-512 set on emulated instructions, which every
// test of the kernels runs as one set more.
#include "kernels/cpu/emulated/sets.h"

#define PILOTFISH_EMULATE_AVX512
#include "kernels/cpu/avx512/attention.cc"
#include "kernels/cpu/avx512/matmul.cc"
#include "kernels/cpu/avx512/packed.cc"
#include "kernels/cpu/avx512/set.cc"
