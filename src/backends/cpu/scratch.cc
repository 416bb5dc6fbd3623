#include "backends/cpu/scratch.h"

#include <algorithm>
#include <variant>

#include "model/rope.h"

namespace pilotfish {
namespace {

constexpr struct {
  AlignedBuffer<float> Scratch::*buffer;
  std::int64_t ScratchWidths::*width;
} kBuffers[] = {
    {&Scratch::x, &ScratchWidths::hidden},
    {&Scratch::normed, &ScratchWidths::hidden},
    {&Scratch::q, &ScratchWidths::q},
    {&Scratch::k, &ScratchWidths::kv},
    {&Scratch::v, &ScratchWidths::kv},
    {&Scratch::attended, &ScratchWidths::q},
    {&Scratch::gate, &ScratchWidths::ffn},
    {&Scratch::up, &ScratchWidths::ffn},
    {&Scratch::projected, &ScratchWidths::hidden},
    {&Scratch::cosines, &ScratchWidths::angles},
    {&Scratch::sines, &ScratchWidths::angles},
};

}  // namespace

ScratchWidths::ScratchWidths(const ModelConfig& config)
    : hidden(config.hidden_size), angles(Ropes::width(config)) {
  for (const LayerConfig& layer : config.layers) {
    q = std::max(q, layer.attention.q_size());
    kv = std::max(kv, layer.attention.kv_size());
    ffn = std::max(ffn, std::get<DenseFfn>(layer.ffn).intermediate_size);
  }
}

std::int64_t ScratchWidths::widest() const {
  return std::max({hidden, q, ffn});
}

void Scratch::reserve(std::int64_t rows, std::int64_t packed_bytes) {
  for (const auto& [buffer, width] : kBuffers) {
    (this->*buffer).reserve(static_cast<size_t>(rows * widths.*width));
  }
  constexpr std::int64_t kAlignments = 3 * 64;  // three inputs side by side
  packed.reserve(static_cast<size_t>(rows * packed_bytes + kAlignments));
}

std::int64_t Scratch::bytes(const ModelConfig& config, std::int64_t rows) {
  const ScratchWidths widths(config);
  // Packed inputs: of q, k and v, of the output projection, or of down.
  std::int64_t floats = std::max({3 * widths.hidden, widths.q, widths.ffn});
  for (const auto& [buffer, width] : kBuffers) floats += widths.*width;
  return rows * floats * static_cast<std::int64_t>(sizeof(float));
}

}  // namespace pilotfish
