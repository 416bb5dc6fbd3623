#ifndef PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_
#define PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "lab/selfcheck/text_cells.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/engine.h"
#include "pilotfish/lab/selfcheck.h"
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

// Decodes a recipe's texts speculatively, many in a batch, and tests how they
// fall into its cells. Text i has the seed first_seed + i.
DistributionResult test_sampled_texts(const SelfcheckPair& models,
                                      DType kv_dtype, const TextRecipe& recipe,
                                      const TextCells& cells,
                                      const SampledRun& run, std::int64_t texts,
                                      std::uint64_t first_seed);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_SAMPLED_TEXTS_H_
