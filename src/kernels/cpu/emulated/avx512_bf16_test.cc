// As avx512_test.cc, for the set with bf16 products.
#include "kernels/cpu/emulated/sets.h"

#define PILOTFISH_EMULATE_AVX512
#include "kernels/cpu/avx512_bf16/set.cc"
