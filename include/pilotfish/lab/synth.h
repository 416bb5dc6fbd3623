#ifndef PILOTFISH_LAB_SYNTH_H_
#define PILOTFISH_LAB_SYNTH_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "pilotfish/dtype.h"
#include "pilotfish/lab/shapes.h"
#include "pilotfish/threads.h"

// Models with random weights, for measuring speed where the real ones are not
// at hand: passes cost what the shape costs, whatever the weights say.
namespace pilotfish {

struct SynthOptions {
  DType dtype = DType::kQ4_0;  // of matrices: f32, f16, bf16, q8_0 or q4_0
  std::uint64_t seed = 0;      // same shape, dtype and seed: same file
  std::shared_ptr<ThreadTeam> threads = nullptr;  // null: one a processor
  std::function<void(double)> progress = {};      // 0..1; may be empty
  bool overwrite = false;  // files that are there already
};

// Writes a GGUF file in the form that llama.cpp reads too: the shape's
// metadata, random weights and a made-up vocabulary of the SentencePiece kind.
// Activations stay of order 1, and the logits have a standard deviation of 8,
// about that of a trained model: at temperature 1 the most probable tokens
// share most of the mass. The file appears complete or not at all; memory stays
// small. Throws UsageError for a dtype that is none of the above or a
// vocabulary too small for all bytes, Error where the file is there already or
// cannot be written.
void synthesise(const Shape& shape, const std::filesystem::path& path,
                const SynthOptions& options = {});

struct PairOptions {
  double agreement = 0.8;                           // wanted; 0.05 to 0.99
  std::int64_t draft_layers = 2;                    // fewer than the shape's
  std::optional<DType> draft_dtype = std::nullopt;  // nullopt: as the target's
};

struct PairReport {
  double scale = 0;
  // The share of tokens of the target's own greedy texts that the draft, given
  // what comes before, finds most probable too.
  double agreement = 0;
  std::int64_t tokens = 0;  // that it was measured over
  // The share of pairs of neighbouring tokens in those texts that had not
  // occurred before: far below 1, the texts run in circles and the agreement is
  // that of a few tokens.
  double fresh_pairs = 0;
};

// Writes a target and its draft. The draft is the target's embedding, first
// layers, final norm and output, bit for bit where both have one dtype. The
// output projections (of attention and feed-forward) of the target's other
// layers are scaled down, until the two agree about as often as asked: found by
// search on the models themselves. Neither file appears before both are
// complete; progress is that of the search, roughly. Throws as synthesise, and
// UsageError for pair options out of range.
PairReport synthesise_pair(const Shape& shape,
                           const std::filesystem::path& target,
                           const std::filesystem::path& draft,
                           const SynthOptions& options = {},
                           const PairOptions& pair = {});

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SYNTH_H_
