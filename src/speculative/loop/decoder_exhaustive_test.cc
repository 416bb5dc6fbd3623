// The whole loop without sampling: all that draws, drafter and acceptor, is led
// through every outcome, and the joint distribution of the texts that the real
// decoder makes is compared with the target's own, to 1e-12. With targets that
// keep any length, and with such that go back to snapshots alone.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "speculative/forwarding_scorer.h"
#include "speculative/testing/outcome_loop.h"
#include "speculative/testing/toy.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::decoded_joint;
using test::Joint;
using test::kErrorCaught;
using test::kLoopRules;
using test::kTolerance;
using test::largest_error;
using test::LogitTable;
using test::LoopRule;
using test::TableScorer;
using test::Toy;
using Tokens = std::vector<Token>;

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

TEST(DecoderExhaustive, TheLoopIsExactWhereverTheTargetGoesBackTo) {
  std::int64_t missing = 0;
  for (unsigned seed = 0; seed < 3; ++seed) {
    const Toy toy = tiny_toy(seed);
    const Joint expected = expected_joint(toy);
    for (const LoopRule& rule : kLoopRules) {
      for (const std::int64_t every : {1, 2, 4, 100}) {
        TableScorer table(toy.target);
        test::SnapshotScorer target(table, every);
        EXPECT_LT(largest_error(decoded_joint(toy, rule, target), expected),
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
  EXPECT_GT(largest_error(decoded_joint(toy, kLoopRules[0], target),
                          expected_joint(toy)),
            kErrorCaught);
}

}  // namespace
}  // namespace pilotfish
