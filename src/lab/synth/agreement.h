#ifndef PILOTFISH_LAB_SYNTH_AGREEMENT_H_
#define PILOTFISH_LAB_SYNTH_AGREEMENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "pilotfish/model.h"
#include "pilotfish/token.h"

namespace pilotfish {

using Text = std::vector<Token>;

// Texts of tokens drawn alike from all below `vocab_size`.
std::vector<Text> random_texts(std::int64_t count, std::int64_t length,
                               std::int64_t vocab_size, std::uint64_t seed);

// Returns for each text the model's most probable token after each token of it.
std::vector<Text> most_probable(Model& model, std::span<const Text> texts);

// The share of places where the two have the same token.
double agreement(std::span<const Text> a, std::span<const Text> b);

// What the target says greedily after each of the prompts, end tokens taken for
// others: `length` tokens each, prompt not included. The draft only makes it
// faster. `progress`: 0..1; may be empty.
std::vector<Text> greedy_texts(const std::shared_ptr<Model>& target,
                               const std::shared_ptr<Model>& draft,
                               std::span<const Text> prompts,
                               std::int64_t length,
                               const std::function<void(double)>& progress);

// The share of pairs of neighbouring tokens that had not occurred before in
// their text.
double fresh_pairs(std::span<const Text> texts);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SYNTH_AGREEMENT_H_
