#include "speculative/drafters/sampled_draft.h"

#include <utility>

namespace pilotfish {

std::vector<Token> SampledDraft::forced_ahead() const {
  if (!request_->takes_forced) return {};
  const TokenHistory& text = history();
  return forced_next(
      text.rule(), text.rule_state(),
      text.tokens().subspan(static_cast<size_t>(text.prompt_size())),
      length_ - static_cast<std::int64_t>(draft_->size()) - 1);
}

bool SampledDraft::extend(std::span<const float> logits,
                          LogitsProcessor& processor) {
  const Sequence& sequence = this->sequence();
  Distribution q = processor.process(logits, sequence.sampling(), history(),
                                     sequence.stop_tokens());
  if (q.empty()) {
    report_fault(*request_, history().size(), processor.fault());
    return false;
  }
  const bool greedy = sequence.sampling().temperature == 0;
  const Token token =
      greedy ? q.argmax() : draw_drafted(q, *request_, draft_->size());
  if (request_->guide != nullptr) {
    request_->guide->drafted(greedy ? processor.share_of_largest()
                                    : q.probability(token));
  }
  draft_->tokens.push_back(token);
  if (greedy) {
    processor.recycle(std::move(q));
  } else {
    draft_->probs.push_back(std::move(q));
  }
  request_->history->push(token);
  return static_cast<std::int64_t>(draft_->size()) < length_ &&
         !sequence.is_stop(token);
}

}  // namespace pilotfish
