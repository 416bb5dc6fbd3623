// As avx512_test.cc, for the products of the VNNI and the BF16 set.
#define PILOTFISH_EMULATE_AVX512
#include "kernels/cpu/avx512_bf16/matmul.cc"
#include "kernels/cpu/avx512_bf16/packed.cc"
#include "kernels/cpu/avx512_vnni/packed.cc"
