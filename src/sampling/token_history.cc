#include "sampling/token_history.h"

#include <cassert>
#include <utility>

namespace pilotfish {

TokenHistory::TokenHistory(std::vector<Token> prompt,
                           const SamplingParams& params,
                           std::shared_ptr<const TokenRule> rule)
    : tokens_(std::move(prompt)),
      prompt_size_(static_cast<std::int64_t>(tokens_.size())),
      window_(params.penalty_window),
      counting_(window_ != 0 && (params.repetition_penalty != 1 ||
                                 params.frequency_penalty != 0 ||
                                 params.presence_penalty != 0)),
      rule_(std::move(rule)) {
  if (rule_ != nullptr) states_.push_back(rule_->begin());
  if (!counting_) return;
  const std::int64_t first =
      window_ > 0 && prompt_size_ > window_ ? prompt_size_ - window_ : 0;
  for (std::int64_t i = first; i < prompt_size_; ++i) count(i, 1);
}

void TokenHistory::push(Token token) {
  tokens_.push_back(token);
  if (rule_ != nullptr) {
    const TokenRule::State before = states_.back();
    states_.push_back(before ? rule_->after(before, token) : nullptr);
  }
  if (!counting_) return;
  const std::int64_t newest = size() - 1;
  count(newest, 1);
  if (window_ > 0 && newest >= window_) count(newest - window_, -1);
}

void TokenHistory::truncate(std::int64_t size) {
  assert(prompt_size_ <= size && size <= this->size());
  if (counting_) {
    for (std::int64_t newest = this->size() - 1; newest >= size; --newest) {
      count(newest, -1);
      if (window_ > 0 && newest >= window_) count(newest - window_, 1);
    }
  }
  tokens_.resize(static_cast<size_t>(size));
  if (rule_ != nullptr) {
    states_.resize(static_cast<size_t>(size - prompt_size_ + 1));
  }
}

void TokenHistory::count(std::int64_t position, std::int32_t change) {
  Occurrences& occurrences =
      occurrences_[tokens_[static_cast<size_t>(position)]];
  occurrences.seen += change;
  if (position >= prompt_size_) occurrences.generated += change;
}

}  // namespace pilotfish
