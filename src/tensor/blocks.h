#ifndef PILOTFISH_TENSOR_BLOCKS_H_
#define PILOTFISH_TENSOR_BLOCKS_H_

#include <cstddef>

namespace pilotfish {

// Unpack one block of ggml's quantised formats to floats: 32 of them, 256 for
// the "k" types and iq4_xs. `block` may be unaligned. The layouts are those of
// GGUF files; integers and binary16 scales are little-endian.
void unpack_q4_0(const std::byte* block, float* out);
void unpack_q4_1(const std::byte* block, float* out);
void unpack_q5_0(const std::byte* block, float* out);
void unpack_q5_1(const std::byte* block, float* out);
void unpack_q8_0(const std::byte* block, float* out);
void unpack_iq4_nl(const std::byte* block, float* out);

void unpack_q2_k(const std::byte* block, float* out);
void unpack_q3_k(const std::byte* block, float* out);
void unpack_q4_k(const std::byte* block, float* out);
void unpack_q5_k(const std::byte* block, float* out);
void unpack_q6_k(const std::byte* block, float* out);
void unpack_iq4_xs(const std::byte* block, float* out);

}  // namespace pilotfish

#endif  // PILOTFISH_TENSOR_BLOCKS_H_
