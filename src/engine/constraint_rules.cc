#include "engine/constraint_rules.h"

#include <algorithm>
#include <utility>

#include "engine/constraint_rule.h"
#include "pilotfish/error.h"
#include "text/token_bytes.h"

namespace pilotfish {

std::shared_ptr<const TokenRule> ConstraintRules::rule_for(
    const std::shared_ptr<const Constraint>& constraint) {
  if (constraint == nullptr) return nullptr;
  if (tokenizer_ == nullptr) {
    throw UsageError("a constraint needs a tokenizer, and the model has none");
  }
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(kept_, constraint, &Kept::constraint);
  if (found != kept_.end()) {
    std::rotate(found, found + 1, kept_.end());
    return kept_.back().rule;
  }
  if (vocabulary_ == nullptr) {
    vocabulary_ =
        std::make_shared<ConstraintVocabulary>(token_bytes(*tokenizer_));
  }
  kept_.push_back({constraint, std::make_shared<ConstraintRule>(
                                   constraint, vocabulary_, tokenizer_)});
  if (kept_.size() > kMostKept) kept_.pop_front();
  return kept_.back().rule;
}

}  // namespace pilotfish
