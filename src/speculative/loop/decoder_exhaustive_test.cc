// The whole loop without sampling: all that draws, drafter and acceptor, is led
// through every outcome, and the joint distribution of the texts that the real
// decoder makes is compared with the target's own, to 1e-12. With targets that
// keep any length, and with such that go back to snapshots alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "speculative/acceptors/block.h"
#include "speculative/acceptors/rejection.h"
#include "speculative/forwarding_scorer.h"
#include "speculative/testing/outcome_tree.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::kErrorCaught;
using test::kTolerance;
using test::LogitTable;
using test::OutcomeTree;
using test::TableScorer;
using test::Toy;
using Tokens = std::vector<Token>;
using Joint = std::map<Tokens, double>;

// Draws chains, or trees of two siblings and what follows the first, from a
// table's processed rows; which tokens come is the outcome tree's to say.
class OutcomeDrafter final : public Drafter {
 public:
  OutcomeDrafter(const LogitTable& table, bool trees, const OutcomeTree& tree)
      : table_(table), trees_(trees), tree_(tree) {}

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
      add(draft, row(request));
      request.history->push(draft.tokens.back());
    }
  }

  void draw_tree(const DraftRequest& request, Draft& draft) {
    const HistoryRollback rollback(*request.history);
    const Distribution q = row(request);
    Distribution rest;
    add(draft, q);
    draft.parents = {-1};
    if (request.tree_size > 1) rest = without(q, draft.tokens[0]);
    if (!rest.empty()) {
      add(draft, std::move(rest));
      draft.parents.push_back(-1);
    }
    if (request.tree_size < 3 || request.length < 2) return;
    request.history->push(draft.tokens[0]);
    add(draft, row(request));
    draft.parents.push_back(0);
  }

  Distribution row(const DraftRequest& request) {
    return processor_.process(table_.row(request.history->tokens()),
                              request.sequence->sampling(), *request.history,
                              {});
  }

  void add(Draft& draft, Distribution q) {
    draft.tokens.push_back(tree_.draw(q, 0));
    draft.probs.push_back(std::move(q));
  }

  static Distribution without(const Distribution& q, Token token) {
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

  const LogitTable& table_;
  bool trees_;
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

Toy tiny_toy(unsigned seed) {
  const LogitTable target(3, 7, seed);
  Toy toy(target, LogitTable::like(target, seed + 100, 1.0f));
  toy.prompt = {1, 2, 0};
  toy.max_tokens = 4;
  toy.window = 4;
  toy.sampling.temperature = 1;
  toy.sampling.frequency_penalty = 0.4;
  return toy;
}

Joint expected_joint(const Toy& toy) {
  Joint joint;
  LogitsProcessor processor;
  TokenHistory history(toy.prompt, toy.sampling);
  const auto go_on = [&](const auto& self, double probability) -> void {
    const auto text = history.tokens().subspan(toy.prompt.size());
    if (std::ssize(text) == toy.max_tokens) {
      joint[Tokens(text.begin(), text.end())] += probability;
      return;
    }
    const Distribution p = processor.process(toy.target.row(history.tokens()),
                                             toy.sampling, history, {});
    for (const auto& entry : p.entries()) {
      const HistoryRollback rollback(history);
      history.push(entry.token);
      self(self, probability * entry.probability);
    }
  };
  go_on(go_on, 1);
  return joint;
}

Joint decoded_joint(const Toy& toy, bool block, bool trees, Scorer& target) {
  OutcomeTree outcomes;
  OutcomeDrafter drafter(toy.draft, trees, outcomes);
  SpeculativeDecoder decoder(
      target, drafter, std::make_shared<OutcomeAcceptor>(block, outcomes));
  Joint joint;
  do {
    Sequence sequence(toy.sequence(0));
    decoder.admit(sequence);
    Sequence* one = &sequence;
    while (!sequence.finished()) decoder.step({&one, 1});
    decoder.retire(sequence);
    const auto text = sequence.generated();
    joint[Tokens(text.begin(), text.end())] += outcomes.probability();
  } while (outcomes.advance());
  return joint;
}

double error(const Joint& found, const Joint& expected) {
  double most = 0;
  for (const auto& [text, probability] : expected) {
    const auto it = found.find(text);
    const double other = it == found.end() ? 0 : it->second;
    most = std::max(most, std::abs(other - probability));
  }
  return most;
}

struct LoopRule {
  const char* name;
  bool block;
  bool trees;
};
constexpr LoopRule kLoopRules[] = {{"rejection", false, false},
                                   {"block", true, false},
                                   {"rejection of trees", false, true}};

TEST(DecoderExhaustive, TheLoopIsExactWhereverTheTargetGoesBackTo) {
  std::int64_t missing = 0;
  for (unsigned seed = 0; seed < 3; ++seed) {
    const Toy toy = tiny_toy(seed);
    const Joint expected = expected_joint(toy);
    for (const LoopRule& rule : kLoopRules) {
      for (const std::int64_t every : {1, 2, 4, 100}) {
        TableScorer table(toy.target);
        test::SnapshotScorer target(table, every);
        EXPECT_LT(
            error(decoded_joint(toy, rule.block, rule.trees, target), expected),
            kTolerance)
            << rule.name << ", snapshots every " << every << ", seed " << seed;
        missing += target.missing;
      }
    }
  }
  EXPECT_GT(missing, 1000);
}

// Says that it went back and is still where it was: what a recurrent state
// would do that nobody asked where it is.
class StaleScorer final : public ForwardingScorer {
 public:
  using ForwardingScorer::ForwardingScorer;

  std::int64_t truncate(SequenceId id, std::int64_t length) override {
    const std::int64_t before = inner_->length(id);
    const std::int64_t reached = inner_->truncate(id, length);
    if (before == length) return reached;
    // The state of a token that is not there any more.
    const Tokens other = {0};
    inner_->truncate(id, reached - 1);
    Batch batch;
    batch.add(id, other, 0);
    inner_->forward(batch);
    return reached;
  }
};

TEST(DecoderExhaustiveControl, AStateThatDidNotGoBackIsCaught) {
  const Toy toy = tiny_toy(0);
  TableScorer table(toy.target);
  StaleScorer target(table);
  EXPECT_GT(
      error(decoded_joint(toy, false, false, target), expected_joint(toy)),
      kErrorCaught);
}

}  // namespace
}  // namespace pilotfish
