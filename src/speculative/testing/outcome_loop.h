#ifndef PILOTFISH_SPECULATIVE_TESTING_OUTCOME_LOOP_H_
#define PILOTFISH_SPECULATIVE_TESTING_OUTCOME_LOOP_H_

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/acceptors/block.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/loop/decoder.h"
#include "speculative/testing/outcome_tree.h"
#include "speculative/testing/toy.h"

// The whole decoding loop, led through every outcome of all that draws.
namespace pilotfish::test {

// The probability of each text.
using Joint = std::map<std::vector<Token>, double>;

// What q draws from when it must not draw this token again.
inline Distribution without(const Distribution& q, Token token) {
  std::vector<Distribution::Entry> left;
  double mass = 0;
  for (const auto& entry : q.entries()) {
    if (entry.token == token) continue;
    left.push_back(entry);
    mass += entry.probability;
  }
  for (auto& entry : left) entry.probability /= mass;
  return Distribution(std::move(left));
}

// Draws chains, or trees of two siblings and what follows the first, from a
// table's processed rows; which tokens come is the outcome tree's to say.
class OutcomeDrafter final : public Drafter {
 public:
  // `ruled`: whether it keeps to the sequence's rule, if there is one.
  OutcomeDrafter(const LogitTable& table, bool trees, bool ruled,
                 const OutcomeTree& tree)
      : table_(table), trees_(trees), ruled_(ruled), tree_(tree) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      drafts.emplace_back();
      if (request.length == 0) continue;
      if (trees_) {
        draw_tree(request, drafts.back());
      } else {
        draw_chain(request, drafts.back());
      }
    }
    return drafts;
  }

 private:
  void draw_chain(const DraftRequest& request, Draft& draft) {
    const HistoryRollback rollback(*request.history);
    while (std::ssize(draft.tokens) < request.length) {
      Distribution q = row(request);
      if (q.empty()) return;
      add(draft, std::move(q));
      request.history->push(draft.tokens.back());
      if (request.sequence->is_stop(draft.tokens.back())) return;
    }
  }

  void draw_tree(const DraftRequest& request, Draft& draft) {
    const HistoryRollback rollback(*request.history);
    const Distribution q = row(request);
    if (q.empty()) return;
    Distribution rest;
    add(draft, q);
    draft.parents = {-1};
    if (request.tree_size > 1) rest = without(q, draft.tokens[0]);
    if (!rest.empty()) {
      add(draft, std::move(rest));
      draft.parents.push_back(-1);
    }
    if (request.tree_size < 3 || request.length < 2) return;
    if (request.sequence->is_stop(draft.tokens[0])) return;
    request.history->push(draft.tokens[0]);
    Distribution behind = row(request);
    if (behind.empty()) return;
    add(draft, std::move(behind));
    draft.parents.push_back(0);
  }

  Distribution row(const DraftRequest& request) {
    const TokenHistory& history = *request.history;
    const SamplingParams& params = request.sequence->sampling();
    const std::span<const Token> stops = request.sequence->stop_tokens();
    const std::span<const float> row = table_.row(history.tokens());
    if (ruled_) return processor_.process(row, params, history, stops);
    const TokenHistory unruled(
        {history.tokens().begin(), history.tokens().end()}, params);
    return processor_.process(row, params, unruled, stops);
  }

  void add(Draft& draft, Distribution q) {
    draft.tokens.push_back(tree_.draw(q, 0));
    draft.probs.push_back(std::move(q));
  }

  const LogitTable& table_;
  bool trees_;
  bool ruled_;
  const OutcomeTree& tree_;
  LogitsProcessor processor_;
};

class OutcomeAcceptor final : public TokenAcceptor {
 public:
  OutcomeAcceptor(bool block, const OutcomeTree& tree)
      : block_(block), tree_(tree) {}
  std::string_view name() const override { return "outcomes"; }
  bool lossless() const override { return true; }
  bool takes_trees() const override { return !block_; }
  Verdict accept(const Verification& v) const override {
    return block_ ? verify_block(v.draft, v.target, tree_)
                  : verify_by_rejection(v.draft, v.target, tree_);
  }

 private:
  bool block_;
  const OutcomeTree& tree_;
};

struct LoopRule {
  const char* name;
  bool block;
  bool trees;
};
inline constexpr LoopRule kLoopRules[] = {{"rejection", false, false},
                                          {"block", true, false},
                                          {"rejection of trees", false, true}};

// What the real decoder makes of a toy.
inline Joint decoded_joint(const Toy& toy, const LoopRule& rule, Scorer& target,
                           bool ruled_drafts = true) {
  OutcomeTree outcomes;
  OutcomeDrafter drafter(toy.draft, rule.trees, ruled_drafts, outcomes);
  SpeculativeDecoder decoder(
      target, drafter, std::make_shared<OutcomeAcceptor>(rule.block, outcomes));
  Joint joint;
  do {
    Sequence sequence(toy.sequence(0));
    decoder.admit(sequence);
    Sequence* one = &sequence;
    while (!sequence.finished()) decoder.step({&one, 1});
    decoder.retire(sequence);
    if (sequence.failure()) throw Error(sequence.failure()->text);
    const auto text = sequence.generated();
    joint[std::vector<Token>(text.begin(), text.end())] +=
        outcomes.probability();
  } while (outcomes.advance());
  return joint;
}

inline double largest_error(const Joint& found, const Joint& expected) {
  Joint difference = expected;
  for (const auto& [text, probability] : found) difference[text] -= probability;
  double most = 0;
  for (const auto& [text, error] : difference) {
    most = std::max(most, std::abs(error));
  }
  return most;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_OUTCOME_LOOP_H_
