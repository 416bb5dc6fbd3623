#include "speculative/sampled_draft.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pilotfish {
namespace {

// The softmax at `token`, for telling sure from unsure: logits that far below
// the token's own are left out, since a greedy draft would otherwise cost an
// exponential for each token of the vocabulary.
double softmax_at(std::span<const float> logits, Token token) {
  constexpr float kNegligible = 12;
  const float own = logits[static_cast<size_t>(token)];
  float sum = 0;
  for (const float logit : logits) {
    if (logit > own - kNegligible) sum += std::exp(logit - own);
  }
  return 1 / std::max(1.0, double{sum});
}

}  // namespace

bool SampledDraft::extend(std::span<const float> logits,
                          LogitsProcessor& processor) {
  Sequence& sequence = *request_->sequence;
  Distribution q = processor.process(logits, sequence.sampling(), history(),
                                     sequence.stop_tokens());
  const bool greedy = sequence.sampling().temperature == 0;
  const Token token =
      greedy ? q.argmax() : draw_drafted(q, *request_, draft_->size());
  const bool goes_on =
      request_->guide == nullptr ||
      request_->guide->drafted(greedy ? softmax_at(logits, token)
                                      : q.probability(token));
  draft_->tokens.push_back(token);
  if (greedy) {
    processor.recycle(std::move(q));
  } else {
    draft_->probs.push_back(std::move(q));
  }
  sequence.history().push(token);
  return goes_on && static_cast<std::int64_t>(draft_->size()) < length_ &&
         !sequence.is_stop(token);
}

}  // namespace pilotfish
