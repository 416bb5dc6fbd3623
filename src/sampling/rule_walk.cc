#include "sampling/rule_walk.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pilotfish {

RuleWalk::RuleWalk(const TokenHistory& history,
                   std::span<const Token> end_tokens)
    : rule_(history.rule()),
      state_(history.rule_state()),
      end_tokens_(end_tokens) {}

bool RuleWalk::take(Token token) {
  assert(!ended_);
  const bool is_end =
      std::ranges::find(end_tokens_, token) != end_tokens_.end();
  if (rule_ == nullptr || (is_end && state_ && rule_->may_end(state_))) {
    ended_ = is_end;
    return true;
  }
  TokenRule::State next = state_ ? rule_->after(state_, token) : nullptr;
  if (next == nullptr) return false;
  state_ = std::move(next);
  ended_ = is_end || (end_tokens_.empty() && rule_->must_end(state_));
  return true;
}

}  // namespace pilotfish
