#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_

#include <cstdint>
#include <span>
#include <utility>

#include "pilotfish/acceptor.h"
#include "pilotfish/token.h"
#include "speculative/drafter.h"
#include "speculative/sequence.h"

namespace pilotfish {

// A deterministic draft in the making, token by token. It ends with the first
// end token, before a token that the sequence's rule does not allow, which
// would be rejected with all behind it, and where it is as long as the request
// wants.
class CopiedDraft {
 public:
  explicit CopiedDraft(const DraftRequest& request)
      : length_(request.length), walk_(request.sequence->rule_walk()) {}

  // Returns whether another token may follow.
  bool add(Token token);

  const Draft& draft() const { return draft_; }
  // Behind what is drafted.
  const RuleWalk& walk() const { return walk_; }
  Draft take() && { return std::move(draft_); }

 private:
  std::int64_t length_;
  RuleWalk walk_;
  Draft draft_;
};

// Copies `source` from index `from` on.
Draft copied_draft(const DraftRequest& request, std::span<const Token> source,
                   std::int64_t from);

// The same from the sequence itself. Past its end the copy goes on with what it
// has drafted, so a period that began is repeated. Requires: from < its size.
Draft repeated_draft(const DraftRequest& request, std::int64_t from);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
