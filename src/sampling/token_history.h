#ifndef PILOTFISH_SAMPLING_TOKEN_HISTORY_H_
#define PILOTFISH_SAMPLING_TOKEN_HISTORY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "sampling/token_rule.h"

namespace pilotfish {

// The tokens of a sequence, prompt first, how often each occurs, and where a
// rule for what follows the prompt stands: kept up to date in constant time as
// tokens come and drafted ones are taken back. Only the latest `penalty_window`
// tokens are counted, and only where `params` has a penalty that asks.
class TokenHistory {
 public:
  struct Occurrences {
    std::int32_t seen = 0;       // prompt included
    std::int32_t generated = 0;  // drafted ones included
  };

  // `rule` may be null.
  TokenHistory(std::vector<Token> prompt, const SamplingParams& params,
               std::shared_ptr<const TokenRule> rule = nullptr);

  void push(Token token);
  // Forgets the tokens from `size` on. Requires: prompt_size() <= size <=
  // this->size().
  void truncate(std::int64_t size);

  std::span<const Token> tokens() const { return tokens_; }
  std::int64_t size() const {
    return static_cast<std::int64_t>(tokens_.size());
  }
  std::int64_t prompt_size() const { return prompt_size_; }
  std::int64_t generated_size() const { return size() - prompt_size_; }

  // Empty where no penalty asks. A token that has been taken back, or has left
  // the window, may stay with zero counts.
  const std::unordered_map<Token, Occurrences>& occurrences() const {
    return occurrences_;
  }

  // What the tokens behind the prompt have to keep to; null: nothing.
  const TokenRule* rule() const { return rule_.get(); }
  // Where it stands behind the last token. Null: there is no rule, or the
  // tokens have broken it; one that only ends the text does that too.
  TokenRule::State rule_state() const {
    return rule_ == nullptr ? nullptr : states_.back();
  }

 private:
  void count(std::int64_t position, std::int32_t change);

  std::vector<Token> tokens_;
  std::int64_t prompt_size_;
  std::int64_t window_;  // tokens counted; -1: all, 0: none
  bool counting_;
  std::unordered_map<Token, Occurrences> occurrences_;
  std::shared_ptr<const TokenRule> rule_;
  // Behind the prompt and behind each token after it; none without a rule.
  std::vector<TokenRule::State> states_;
};

// A history that goes back to its size at construction when this goes out of
// scope: for looking ahead over drafted tokens.
class HistoryRollback {
 public:
  explicit HistoryRollback(TokenHistory& history)
      : history_(&history), size_(history.size()) {}
  HistoryRollback(HistoryRollback&& other) noexcept
      : history_(std::exchange(other.history_, nullptr)), size_(other.size_) {}
  ~HistoryRollback() {
    if (history_ != nullptr) history_->truncate(size_);
  }
  HistoryRollback(const HistoryRollback&) = delete;
  HistoryRollback& operator=(const HistoryRollback&) = delete;

 private:
  TokenHistory* history_;
  std::int64_t size_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_TOKEN_HISTORY_H_
