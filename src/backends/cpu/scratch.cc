#include "backends/cpu/scratch.h"

#include <algorithm>

namespace pilotfish {
namespace {

struct Widths {
  explicit Widths(const ModelConfig& config)
      : hidden(config.hidden_size),
        q(config.n_heads * config.head_dim),
        kv(config.n_kv_heads * config.head_dim),
        ffn(config.intermediate_size),
        angles(config.rotary_dim / 2) {}

  std::int64_t hidden;
  std::int64_t q;
  std::int64_t kv;
  std::int64_t ffn;
  std::int64_t angles;
};

constexpr struct {
  AlignedBuffer<float> Scratch::*buffer;
  std::int64_t Widths::*width;
} kBuffers[] = {
    {&Scratch::x, &Widths::hidden},
    {&Scratch::normed, &Widths::hidden},
    {&Scratch::q, &Widths::q},
    {&Scratch::k, &Widths::kv},
    {&Scratch::v, &Widths::kv},
    {&Scratch::attended, &Widths::q},
    {&Scratch::gate, &Widths::ffn},
    {&Scratch::up, &Widths::ffn},
    {&Scratch::projected, &Widths::hidden},
    {&Scratch::cosines, &Widths::angles},
    {&Scratch::sines, &Widths::angles},
};

}  // namespace

void Scratch::reserve(const ModelConfig& config, std::int64_t rows,
                      std::int64_t packed_bytes) {
  const Widths widths(config);
  for (const auto& [buffer, width] : kBuffers) {
    (this->*buffer).reserve(static_cast<size_t>(rows * widths.*width));
  }
  constexpr std::int64_t kAlignments = 3 * 64;  // three inputs side by side
  packed.reserve(static_cast<size_t>(rows * packed_bytes + kAlignments));
}

std::int64_t Scratch::bytes(const ModelConfig& config, std::int64_t rows) {
  const Widths widths(config);
  // Packed inputs: of q, k and v, of the output projection, or of down.
  std::int64_t floats = std::max({3 * widths.hidden, widths.q, widths.ffn});
  for (const auto& [buffer, width] : kBuffers) floats += widths.*width;
  return rows * floats * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace pilotfish
