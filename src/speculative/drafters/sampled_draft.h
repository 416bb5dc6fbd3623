#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_SAMPLED_DRAFT_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_SAMPLED_DRAFT_H_

#include <cstdint>
#include <span>

#include "sampling/processors.h"
#include "speculative/drafter.h"

namespace pilotfish {

// A draft in the making, drawn token by token from rows of logits. Meanwhile
// the request's history goes on into what is drafted; it is as it was when this
// goes out of scope. At temperature 0 the draft is deterministic.
class SampledDraft {
 public:
  // At most `length` tokens, into `draft`; both references must outlive this.
  // Requires: the request has a history.
  SampledDraft(const DraftRequest& request, std::int64_t length, Draft& draft)
      : request_(&request),
        length_(length),
        draft_(&draft),
        rollback_(*request.history) {}

  const Sequence& sequence() const { return *request_->sequence; }
  const TokenHistory& history() const { return *request_->history; }
  const Draft& draft() const { return *draft_; }

  // What the draft goes on with if it keeps to one way of cutting what is
  // forced, where the request wants it: less than may still be drafted.
  std::vector<Token> forced_ahead() const;

  // Draws one more token, or none where the row gives none. Returns whether
  // another may follow.
  bool extend(std::span<const float> logits, LogitsProcessor& processor);

  // Whether it is worth its cost, as a guide sees it. Asked once all drafts
  // that had a row in a pass are extended.
  bool another_pays() const {
    return request_->guide == nullptr || request_->guide->another_pays();
  }

 private:
  const DraftRequest* request_;
  std::int64_t length_;
  Draft* draft_;
  HistoryRollback rollback_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_SAMPLED_DRAFT_H_
