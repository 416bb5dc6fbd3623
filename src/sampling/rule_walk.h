#ifndef PILOTFISH_SAMPLING_RULE_WALK_H_
#define PILOTFISH_SAMPLING_RULE_WALK_H_

#include <span>

#include "pilotfish/token.h"
#include "sampling/token_history.h"
#include "sampling/token_rule.h"

namespace pilotfish {

// Goes over tokens that a text may go on with, to its end, and says whether its
// rule allows each: as text, or as an end token where the text may end. Without
// a rule every token is allowed.
class RuleWalk {
 public:
  // Begins behind the history's last token. The rule and `end_tokens` must
  // outlive this.
  RuleWalk(const TokenHistory& history, std::span<const Token> end_tokens);

  // Takes the next token. False where the rule does not allow it; then the text
  // stands where it stood. Requires: !ended().
  bool take(Token token);
  // The last token taken ends the text: it is an end token or, where there are
  // none, the rule leaves nothing to follow it.
  bool ended() const { return ended_; }

  // Null: there is none.
  const TokenRule* rule() const { return rule_; }
  const TokenRule::State& state() const { return state_; }

 private:
  const TokenRule* rule_;
  TokenRule::State state_;
  std::span<const Token> end_tokens_;
  bool ended_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_RULE_WALK_H_
