#ifndef PILOTFISH_SAMPLING_PROCESSORS_H_
#define PILOTFISH_SAMPLING_PROCESSORS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "pilotfish/distribution.h"
#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "sampling/logit_scan.h"
#include "sampling/logits_fault.h"
#include "sampling/row_softmax.h"
#include "sampling/token_history.h"

namespace pilotfish {

// Turns rows of logits into the distributions that tokens are drawn from, by
// the steps of SamplingParams in their order, of which the first is the
// history's rule; each truncation works on what the one before left,
// renormalised. Holds scratch memory alone: one object serves any number of
// sequences, from one thread. A distribution is a function of its row and the
// parameters: the same bits on every instruction set.
//
// A row that is not a distribution (see logits_fault), or for which the rule
// and the parameters leave no token, gives an empty distribution, and never a
// banned token. Logits that only a bias makes infinite share the probability.
// Among equal logits the smaller id goes first wherever an order matters.
class LogitsProcessor {
 public:
  explicit LogitsProcessor(const Kernels& kernels = best_kernels())
      : scan_(kernels.logits), softmax_(scan_) {}
  LogitsProcessor(const LogitsProcessor&) = delete;
  LogitsProcessor& operator=(const LogitsProcessor&) = delete;

  // The distribution of the token that follows `history`. Tokens of the
  // parameters that lie outside the row are ignored. `stop_tokens` are banned
  // until params.min_tokens are generated, and are allowed by a rule wherever
  // the text may end. Empty where no token can come;
  // `fault` then says why. Requires: !logits.empty(), valid parameters.
  Distribution process(std::span<const float> logits,
                       const SamplingParams& params,
                       const TokenHistory& history,
                       std::span<const Token> stop_tokens);

  // Of the latest row that gave an empty distribution.
  const RowFault& fault() const { return fault_; }

  // The soft-max (at temperature 1, about) of the largest logit of the row that
  // was processed last: how sure a greedy model is.
  double share_of_largest() const;

  // Takes back a distribution, for the memory of a later one.
  void recycle(Distribution&& distribution);

 private:
  // An earlier distribution's memory, or none.
  std::vector<Distribution::Entry> spare_entries();
  Distribution one_hot(Token token);
  bool has_fault(std::span<const float> logits);
  // Requires: the row is scanned and has a logit above -infinity, temperature >
  // 0. Probabilities are in the order of tokens and need not sum to 1.
  void truncate(const SamplingParams& params,
                std::vector<Distribution::Entry>& entries);

  // The row with rule, constraints, bias, penalties and bans; `logits` itself
  // where none applies.
  std::span<const float> adjust(std::span<const float> logits,
                                const SamplingParams& params,
                                const TokenHistory& history,
                                std::span<const Token> stop_tokens);

  // Makes the adjusted row one of the tokens that the history's rule allows.
  void keep_to_rule(std::span<const float> logits, const TokenHistory& history,
                    std::span<const Token> stop_tokens);
  void constrain(const SamplingParams& params, const TokenHistory& history);
  // Why the row has no token left.
  std::string no_token_text(const SamplingParams& params,
                            const TokenHistory& history) const;

  LogitScan scan_;
  RowSoftmax softmax_;
  RowFault fault_;
  std::vector<float> adjusted_;
  std::vector<float> allowed_;
  std::vector<std::uint64_t> by_rule_;  // bits of the tokens a rule allows
  std::vector<TypicalEntry> typical_;
  std::vector<std::vector<Distribution::Entry>> spare_;
  size_t most_entries_ = 0;  // the largest capacity that came back
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_PROCESSORS_H_
