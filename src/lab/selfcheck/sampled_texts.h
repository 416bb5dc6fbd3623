#ifndef PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_
#define PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "lab/selfcheck/text_cells.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/engine.h"
#include "pilotfish/lab/selfcheck.h"
#include "pilotfish/scorer.h"
#include "speculative/drafter.h"

namespace pilotfish {

// Makes the drafter that takes the place of another: wraps it, or drops it.
using WrapDrafter =
    std::function<std::unique_ptr<Drafter>(std::unique_ptr<Drafter>)>;

// How a recipe's texts are decoded.
struct SampledRun {
  std::shared_ptr<const TokenAcceptor> acceptor;
  // Empty: the draft model drafts, or the target where there is none, made
  // worse by a NoisyScorer.
  std::vector<std::string> drafters = {};
  std::vector<Token> prediction = {};
  WrapDrafter wrap = nullptr;  // controls alone
};

// Texts of a recipe as they came: how many fell into each of its cells.
class TextCounts {
 public:
  void add(std::span<const Token> text, std::int64_t drafted,
           std::int64_t accepted, const TextCells& cells);
  std::int64_t texts() const { return texts_; }
  // Pearson's test. Requires: the cells of all that was added.
  DistributionResult tested(const TextCells& cells) const;

 private:
  std::int64_t texts_ = 0;
  std::vector<double> counts_;  // [cells]
  std::int64_t drafted_ = 0;
  std::int64_t accepted_ = 0;
};

// Decodes texts of a recipe speculatively, many in a batch. Text i has the seed
// first_seed + i.
void add_texts(Scorer& target, Drafter& drafter, const TextRecipe& recipe,
               const TextCells& cells, const SampledRun& run,
               std::int64_t texts, std::uint64_t first_seed,
               TextCounts& counts);

// The same with whole models, and the test of what came.
DistributionResult test_sampled_texts(const SelfcheckPair& models,
                                      DType kv_dtype, const TextRecipe& recipe,
                                      const TextCells& cells,
                                      const SampledRun& run, std::int64_t texts,
                                      std::uint64_t first_seed);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_
