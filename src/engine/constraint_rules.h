#ifndef PILOTFISH_ENGINE_CONSTRAINT_RULES_H_
#define PILOTFISH_ENGINE_CONSTRAINT_RULES_H_

#include <deque>
#include <memory>
#include <mutex>

#include "constraint/vocabulary.h"
#include "pilotfish/constraint.h"
#include "pilotfish/tokenizer.h"
#include "sampling/token_rule.h"

namespace pilotfish {

// The rules that constraints are over the tokens of one tokenizer. The latest
// ones are kept, with the masks that they have worked out: requests mostly come
// with the same few. Thread-safe.
class ConstraintRules {
 public:
  // Null: there is no tokenizer.
  explicit ConstraintRules(std::shared_ptr<const Tokenizer> tokenizer)
      : tokenizer_(std::move(tokenizer)) {}

  // Null for no constraint. Throws UsageError where there is no tokenizer.
  std::shared_ptr<const TokenRule> rule_for(
      const std::shared_ptr<const Constraint>& constraint);

 private:
  static constexpr std::size_t kMostKept = 32;
  struct Kept {
    std::shared_ptr<const Constraint> constraint;
    std::shared_ptr<const TokenRule> rule;
  };

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::mutex mutex_;
  // Made when it is first needed.
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::deque<Kept> kept_;  // the latest used last
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_CONSTRAINT_RULES_H_
