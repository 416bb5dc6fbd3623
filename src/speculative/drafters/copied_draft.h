#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/token.h"
#include "speculative/drafter.h"
#include "speculative/sequence.h"

namespace pilotfish {

// A deterministic draft in the making, token by token. It ends with the first
// end token, before a token that the sequence's rule does not allow, which
// would be rejected with all behind it, and where it is as long as the request
// wants. Where the request wants that, it begins and ends with what is forced.
class CopiedDraft {
 public:
  // The request must outlive this.
  explicit CopiedDraft(const DraftRequest& request);

  // Returns whether another token may follow.
  bool add(Token token);
  // Adds what is forced next. Returns whether another token may follow.
  bool add_forced();

  const Draft& draft() const { return draft_; }
  // Behind what is drafted.
  const RuleWalk& walk() const { return walk_; }
  // The output with what is drafted.
  std::vector<Token> output() const;
  // None where nothing was added to what the draft began with.
  Draft take() &&;

 private:
  const DraftRequest* request_;
  RuleWalk walk_;
  Draft draft_;
  std::size_t begun_ = 0;  // tokens that it began with
};

// Goes on with `source` from index `from` on.
Draft copied_draft(CopiedDraft&& copy, std::span<const Token> source,
                   std::int64_t from);

// The same from the sequence itself. Past its end the copy goes on with what it
// has drafted, so a period that began is repeated. Requires: from < the number
// of its tokens and of those drafted.
Draft repeated_draft(CopiedDraft&& copy, const Sequence& sequence,
                     std::int64_t from);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
