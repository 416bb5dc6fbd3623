#ifndef PILOTFISH_KERNELS_KERNELS_H_
#define PILOTFISH_KERNELS_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/logits.h"
#include "tensor/dtype.h"

namespace pilotfish {

// A linear layer's weights where they lie: [rows, columns], row-major, any
// alignment. Output element n of a row x is the dot product of x with row n.
struct WeightMatrix {
  DType dtype = DType::kF32;
  const std::byte* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  bool packed = false;  // instead, as PackedMatrix lays them out
};

struct MatmulArgs {
  WeightMatrix weights;
  const std::byte* activations = nullptr;  // [m, activation_bytes], 64-aligned
  std::int64_t m = 0;
  float* out = nullptr;         // [m, out_stride]; columns [begin, end) written
  std::int64_t out_stride = 0;  // floats
};

// One sequence's rows against one key/value head of its cache. Row i sits at
// position `first_position + i` and attends to the positions up to its own, at
// most `window` of them (0: all).
struct AttentionArgs {
  const float* q = nullptr;     // [m, q_stride], already rotated; the head
                                // group's heads lie next to each other
  std::int64_t q_stride = 0;    // floats
  float* out = nullptr;         // [m, out_stride], laid out as q
  std::int64_t out_stride = 0;  // floats
  std::int64_t m = 0;
  std::int64_t group = 0;  // query heads that share this key/value head
  std::int64_t head_dim = 0;
  std::int64_t first_position = 0;
  std::int64_t window = 0;
  float scale = 0;              // usually 1 / sqrt(head_dim)
  DType dtype = DType::kF32;    // of keys and values: f32, f16, bf16 or q8_0
  std::int64_t block_size = 0;  // positions in a cache block
  // Block b holds positions [b * block_size, (b + 1) * block_size), each a
  // [block_size, head_dim] array of this key/value head.
  const std::byte* const* keys = nullptr;
  const std::byte* const* values = nullptr;
};

// Products with packed weights (see PackedMatrix). For quantised weights,
// activations are rounded to int8 with a scale for each block of 32 columns.
struct PackedKernels {
  // Whether bf16 weights may come packed, too, and are then the faster; their
  // activations are rounded to bf16.
  bool has_bf16;
  // Bytes of a row of activations for weights of this dtype. A batch of m rows
  // takes m times as many; its rows are interleaved, and `pack_activations`
  // fills in one of them.
  std::int64_t (*activation_bytes)(DType weights, std::int64_t columns);
  void (*pack_activations)(DType weights, const float* x, std::int64_t columns,
                           std::int64_t row, std::int64_t m, std::byte* out);
  // As Kernels::matmul. Requires: begin and end are multiples of 16.
  void (*matmul)(const MatmulArgs& args, std::int64_t begin, std::int64_t end);
};

// The compute steps of a forward pass, for one instruction set. All are pure
// functions of their arguments and run in the calling thread.
//
// Row invariance: every output element is reduced in one fixed order that
// depends only on its own row and the shapes of the weights (or its position in
// the sequence), never on m, on the range asked for, or on its neighbours. The
// same bits come out in any batch and under any split over threads.
struct Kernels {
  // "scalar", "avx2", "avx_vnni", "avx512" (F, BW, VL, DQ), "avx512_vnni", or
  // "avx512_bf16" (and VNNI), which rounds the activations that bf16 weights
  // multiply to bf16.
  std::string_view name;

  // Bytes of one row of `columns` activations in the form that `matmul` wants
  // for weights of this dtype (a multiple of 64), and its conversion from
  // floats.
  std::int64_t (*activation_bytes)(DType weights, std::int64_t columns);
  void (*pack_activations)(DType weights, const float* x, std::int64_t columns,
                           std::byte* out);
  // Computes output columns [begin, end), that is, weight rows, for all m
  // activation rows. Reads each weight once for every few rows of activations.
  void (*matmul)(const MatmulArgs& args, std::int64_t begin, std::int64_t end);

  const PackedKernels& packed;

  // Any dtype; source may be unaligned. Used for embeddings.
  void (*dequantise)(DType dtype, const std::byte* source, float* out,
                     std::int64_t n);
  // Floats to f32, f16, bf16 or q8_0 (cache rows).
  void (*store)(DType dtype, const float* source, std::byte* out,
                std::int64_t n);

  // out = x / sqrt(mean(x²) + epsilon) * weight. out may be x.
  void (*rms_norm)(const float* x, const float* weight, float epsilon,
                   float* out, std::int64_t n);
  // Rotates one head in place by the angles whose cosines and sines are given,
  // each [rotary_dim / 2] (the first rotary_dim elements turn; a head may be
  // longer). `interleaved` pairs (2i, 2i + 1), as llama.cpp's GGUF files of
  // architecture llama; otherwise (i, i + rotary_dim / 2), as Hugging Face.
  void (*rope)(float* head, const float* cosines, const float* sines,
               std::int64_t rotary_dim, bool interleaved);
  // out = silu(gate) * up. out may be gate.
  void (*silu_multiply)(const float* gate, const float* up, float* out,
                        std::int64_t n);
  void (*add)(const float* x, float* inout, std::int64_t n);  // inout += x

  // Exact soft-max attention in one pass over the blocks, in ascending order of
  // position. Needs no scratch from the caller.
  void (*attention)(const AttentionArgs& args);

  LogitKernels logits;  // for sampling
};

// The fastest set this processor runs, or the one that PILOTFISH_ISA names.
// Throws UsageError for a name that is unknown or that the processor lacks.
const Kernels& best_kernels();
// Throws UsageError likewise.
const Kernels& kernels_named(std::string_view name);
// Those this processor runs, slowest ("scalar") first.
std::span<const Kernels* const> available_kernels();
// The names of those that it lacks.
std::vector<std::string_view> missing_kernels();

}  // namespace pilotfish

#endif  // PILOTFISH_KERNELS_KERNELS_H_
