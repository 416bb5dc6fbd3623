#ifndef PILOTFISH_LAB_SELFCHECK_NARROW_PAIR_H_
#define PILOTFISH_LAB_SELFCHECK_NARROW_PAIR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lab/selfcheck/narrow_scorer.h"
#include "lab/selfcheck/noisy_scorer.h"
#include "lab/selfcheck/sampled_texts.h"
#include "lab/selfcheck/target_rows.h"
#include "lab/selfcheck/text_cells.h"
#include "pilotfish/lab/selfcheck.h"
#include "pilotfish/token.h"

namespace pilotfish {

// How well a drafted token shows that a rule errs a little: what a text adds to
// the noncentrality of a chi-square test of that token where the rule accepts
// with min(1, p/q)^1.05. `p` and `q` are probabilities of the same tokens.
double shown_by(std::span<const double> p, std::span<const double> q);

// A pair of models restricted to a few of their tokens, for testing acceptance
// rules with as many texts as that takes. The temperature and noise on the
// draft's logits are chosen so that mistakes of a rule show: a model that is
// sure of itself, or a good draft, would hide them.
class NarrowPair {
 public:
  // `likely`: the target's tokens, the likeliest first, of which it takes the
  // first few. Texts follow `beginning` and have `length` tokens.
  NarrowPair(const SelfcheckPair& models, DType kv_dtype,
             std::span<const Token> beginning, std::span<const Token> likely,
             std::int64_t length);

  // "5 tokens, temperature 0.6"
  std::string settings() const;

  // Tests a rule, or a control, with `texts` texts. `run.drafters` is ignored.
  DistributionResult test(const SampledRun& run, std::int64_t texts,
                          std::uint64_t first_seed);
  // Doubles the number of texts, up to `most`, until the p-value is at most
  // `level`.
  DistributionResult test_until(const SampledRun& run, double level,
                                std::int64_t most, std::uint64_t first_seed);

 private:
  void choose_sampling();
  void add_texts(const SampledRun& run, std::int64_t texts,
                 std::uint64_t first_seed, TextCounts& counts);

  std::vector<Token> tokens_;
  NarrowScorer target_;
  std::unique_ptr<NarrowScorer> draft_;  // null: the target drafts for itself
  TargetRows rows_;
  TextRecipe recipe_;
  std::unique_ptr<NoisyScorer> noisy_draft_;
  std::unique_ptr<TextCells> cells_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_NARROW_PAIR_H_
