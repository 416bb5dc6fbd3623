#ifndef PILOTFISH_ENGINE_CONSTRAINT_RULE_H_
#define PILOTFISH_ENGINE_CONSTRAINT_RULE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/matcher.h"
#include "constraint/vocabulary.h"
#include "pilotfish/constraint.h"
#include "pilotfish/tokenizer.h"
#include "sampling/token_rule.h"

namespace pilotfish {

// A constraint as the decoder knows it. Where a grammar is so ambiguous that a
// text has too many readings, the text cannot go on, and `fault` says why.
class ConstraintRule final : public TokenRule {
 public:
  // `vocabulary` is the tokenizer's.
  ConstraintRule(const std::shared_ptr<const Constraint>& constraint,
                 std::shared_ptr<const ConstraintVocabulary> vocabulary,
                 std::shared_ptr<const Tokenizer> tokenizer);

  State begin() const override;
  State after(const State& state, Token token) const override;
  bool may_end(const State& state) const override;
  bool must_end(const State& state) const override;
  bool allow(const State& state,
             std::vector<std::uint64_t>& allowed) const override;
  std::string fault(const State& state) const override;
  // Bytes that are forced are cut as the tokenizer cuts them behind the text;
  // special tokens that are forced come between.
  std::vector<Token> forced(const State& state, std::span<const Token> text,
                            std::int64_t most) const override;

 private:
  std::shared_ptr<const TokenMask> mask_of(const State& state) const;
  std::string end_of(std::span<const Token> text) const;
  std::vector<Token> cut(std::string_view before, std::string_view bytes) const;
  std::vector<Token> cut_forced(const Matcher::State& state,
                                std::string_view before,
                                std::int64_t most) const;

  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Matcher matcher_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_CONSTRAINT_RULE_H_
