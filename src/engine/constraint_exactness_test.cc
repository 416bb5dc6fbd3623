// The decoding loop under compiled constraints. The rule that they are over
// some tokens is worked out a second time, from a list of all texts, and the
// joint distribution that the loop makes with the compiled one is compared with
// the target's own under the other: to 1e-12 over every outcome of all that
// draws, and with chi-square tests over samples.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "engine/constraint_rule.h"
#include "engine/testing/piece_tokenizer.h"
#include "pilotfish/constraint.h"
#include "speculative/testing/outcome_loop.h"
#include "speculative/testing/ruled_drafters.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/toy_rule.h"
#include "speculative/testing/trials.h"
#include "text/token_bytes.h"

namespace pilotfish {
namespace {

using test::Joint;
using test::kTolerance;
using test::LogitTable;
using test::TableScorer;
using test::Toy;
using test::ToyRule;

using Texts = std::vector<std::string>;

// A constraint, all texts that it allows (of those that begin with another
// one's beginning, enough for the toy's tokens), and pieces to spell them with.
struct Language {
  const char* name;
  std::shared_ptr<const Constraint> constraint;
  Texts texts;
  Texts pieces;  // behind those of PieceTokenizer that are special
};

// All texts of up to `most` of these characters that match.
Texts matching(const std::string& pattern, const std::string& characters,
               std::size_t most) {
  const std::regex regex(pattern);
  Texts found;
  Texts open = {""};
  for (std::size_t size = 0; size <= most; ++size) {
    Texts longer;
    for (const std::string& text : open) {
      if (std::regex_match(text, regex)) found.push_back(text);
      for (const char c : characters) longer.push_back(text + c);
    }
    open = std::move(longer);
  }
  return found;
}

Texts nested(std::size_t most) {
  Texts texts;
  for (std::size_t depth = 0; depth <= most; ++depth) {
    texts.push_back(std::string(depth, '(') + "x" + std::string(depth, ')'));
  }
  return texts;
}

Language json_language() {
  return {"JSON Schema",
          Constraint::json_schema(
              R"({"type": "object", "properties": {"a": {"enum": [1, 12]},)"
              R"("b": {"type": "boolean"}}, "required": ["a"],)"
              R"("additionalProperties": false})",
              {.whitespace = JsonSchemaOptions::Whitespace::kCompact}),
          {"{\"a\":1}", "{\"a\":12}", "{\"a\":1,\"b\":true}",
           "{\"a\":1,\"b\":false}", "{\"a\":12,\"b\":true}",
           "{\"a\":12,\"b\":false}"},
          {"{\"", "{\"a\":", "a\":", "1", "2", "12", "2}", "}",
           ",\"b\":", "tru", "e", "fals", "true}", "x"}};
}

std::vector<Language> languages() {
  return {json_language(),
          {"regular expression",
           Constraint::regex("(a|bc?){1,2}d?"),
           matching("(a|bc?){1,2}d?", "abcd", 5),
           {"a", "b", "c", "d", "bc", "e"}},
          {"GBNF",
           Constraint::gbnf("root ::= \"(\" root \")\" | \"x\""),
           nested(8),
           {"(", ")", "x", "((", "x)", "y"}}};
}

// What the texts make of the pieces: a node for each beginning of a text.
ToyRule rule_of(const Texts& texts, const Texts& bytes) {
  std::map<std::string, std::size_t> index = {{"", 0}};
  Texts beginnings = {""};
  std::vector<ToyRule::Node> nodes;
  for (std::size_t at = 0; at < beginnings.size(); ++at) {
    const std::string beginning = beginnings[at];
    ToyRule::Node node;
    for (const std::string& text : texts) {
      if (!text.starts_with(beginning)) continue;
      node.may_end |= text == beginning;
      for (std::size_t token = 0; token < bytes.size(); ++token) {
        const std::string longer = beginning + bytes[token];
        if (bytes[token].empty() || !text.starts_with(longer)) continue;
        const auto [found, is_new] = index.try_emplace(longer, index.size());
        if (is_new) beginnings.push_back(longer);
        node.next[static_cast<Token>(token)] = found->second;
      }
    }
    nodes.push_back(std::move(node));
  }
  return ToyRule(std::move(nodes));
}

struct CompiledToy {
  ToyRule by_hand;
  Toy toy;  // its rule is the compiled one
};

CompiledToy compiled_toy(const Language& language, unsigned seed) {
  Texts pieces = {"<unk>", "<s>", "</s>"};
  pieces.insert(pieces.end(), language.pieces.begin(), language.pieces.end());
  const auto tokenizer =
      std::make_shared<testing::PieceTokenizer>(pieces, false);
  const Texts bytes = token_bytes(*tokenizer);
  const LogitTable target(std::ssize(pieces), 7, seed);
  Toy toy(target, LogitTable::like(target, seed + 1, 1.0f));
  toy.prompt = {1, 3};
  toy.max_tokens = 4;
  toy.window = 3;
  toy.sampling.temperature = 1.5;
  if (seed % 2 == 0) toy.stop_tokens = {2};
  // The last piece is no text's; now it ends them.
  if (seed % 3 == 0)
    toy.stop_tokens.push_back(static_cast<Token>(pieces.size()) - 1);
  toy.rule = std::make_shared<ConstraintRule>(
      language.constraint, std::make_shared<ConstraintVocabulary>(bytes),
      tokenizer);
  return {rule_of(language.texts, bytes), std::move(toy)};
}

TEST(CompiledConstraint, TheLoopIsExactUnderIt) {
  for (const Language& language : languages()) {
    for (const unsigned seed : {2u, 3u, 5u}) {
      const CompiledToy it = compiled_toy(language, seed);
      const Joint expected = test::joint_by_hand(it.toy, it.by_hand);
      EXPECT_GT(expected.size(), 10u);
      for (const test::LoopRule& rule : test::kLoopRules) {
        TableScorer target(it.toy.target);
        EXPECT_LT(test::largest_error(test::decoded_joint(it.toy, rule, target),
                                      expected),
                  kTolerance)
            << language.name << ", " << rule.name << ", " << expected.size()
            << " texts";
      }
    }
  }
}

double sampled_p_value(const CompiledToy& it, const char* acceptor,
                       const char* drafter_name, std::uint64_t trials) {
  test::Tally expected(it.toy.target.vocab_size(), it.toy.max_tokens);
  for (const auto& [text, probability] :
       test::joint_by_hand(it.toy, it.by_hand)) {
    expected.add(text, probability);
  }
  TableScorer target(it.toy.target);
  TableScorer draft(it.toy.draft);
  const auto drafter = test::ruled_drafter(drafter_name, draft, it.toy);
  return test::decoded_tally(it.toy, trials, target, *drafter,
                             make_acceptor(acceptor))
      .p_value(expected);
}

TEST(CompiledConstraint, SampledTextsHaveTheTargetsDistribution) {
  CompiledToy it = compiled_toy(json_language(), 2);
  it.toy.max_tokens = 7;
  using test::kTrials;
  EXPECT_GT(sampled_p_value(it, "block", "all", kTrials), test::kLevel);
  EXPECT_GT(sampled_p_value(it, "rejection", "tree", kTrials / 10),
            test::kLevel);
  EXPECT_GT(sampled_p_value(it, "coupled", "model", kTrials / 10),
            test::kLevel);
}

// A compiled rule with one thing wrong.
class WrongRule final : public TokenRule {
 public:
  enum class Fault { kNone, kEndForgotten, kReadsTooMuch };

  WrongRule(std::shared_ptr<const TokenRule> rule, Fault fault)
      : rule_(std::move(rule)), fault_(fault) {}

  State begin() const override { return rule_->begin(); }
  // kReadsTooMuch: what is forced behind the token too.
  State after(const State& state, Token token) const override {
    State next = rule_->after(state, token);
    if (fault_ != Fault::kReadsTooMuch || next == nullptr) return next;
    for (const Token forced : rule_->forced(next, {&token, 1}, 1)) {
      next = rule_->after(next, forced);
    }
    return next;
  }
  bool may_end(const State& state) const override {
    return fault_ == Fault::kEndForgotten ? rule_->must_end(state)
                                          : rule_->may_end(state);
  }
  bool must_end(const State& state) const override {
    return rule_->must_end(state);
  }
  bool allow(const State& state,
             std::vector<std::uint64_t>& allowed) const override {
    return rule_->allow(state, allowed);
  }
  std::string fault(const State& state) const override {
    return rule_->fault(state);
  }
  std::vector<Token> forced(const State& state, std::span<const Token> text,
                            std::int64_t most) const override {
    return rule_->forced(state, text, most);
  }

 private:
  std::shared_ptr<const TokenRule> rule_;
  Fault fault_;
};

TEST(CompiledConstraintControl, AWrongRuleIsCaught) {
  const auto error_of = [](const Language& language, WrongRule::Fault fault) {
    CompiledToy it = compiled_toy(language, 2);
    it.toy.rule = std::make_shared<WrongRule>(it.toy.rule, fault);
    TableScorer target(it.toy.target);
    return test::largest_error(
        test::decoded_joint(it.toy, test::kLoopRules[1], target),
        test::joint_by_hand(it.toy, it.by_hand));
  };
  using Fault = WrongRule::Fault;
  const std::vector<Language> all = languages();
  EXPECT_LT(error_of(all[0], Fault::kNone), kTolerance);
  EXPECT_GT(error_of(all[0], Fault::kReadsTooMuch), test::kErrorCaught);
  EXPECT_LT(error_of(all[1], Fault::kNone), kTolerance);
  EXPECT_GT(error_of(all[1], Fault::kEndForgotten), test::kErrorCaught);
}

}  // namespace
}  // namespace pilotfish
