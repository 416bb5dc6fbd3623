#ifndef PILOTFISH_LAB_SELFCHECK_NARROW_SCORER_H_
#define PILOTFISH_LAB_SELFCHECK_NARROW_SCORER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lab/selfcheck/target_rows.h"
#include "pilotfish/dtype.h"
#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A model restricted to a few of its tokens: its own logits for these, after a
// fixed beginning. There are few texts over few tokens, so each row is computed
// once and remembered, and hundreds of thousands of texts take seconds with any
// model.
//
// Token i of a sequence means tokens[i]; the first one of a sequence stands for
// the beginning, whatever it is. Rows are chains: a batch with a tree throws
// UsageError.
class NarrowScorer final : public Scorer {
 public:
  // `n_positions`: the longest sequence. Requires: !beginning.empty(),
  // !tokens.empty().
  NarrowScorer(std::shared_ptr<Model> model, DType kv_dtype,
               std::vector<Token> beginning, std::vector<Token> tokens,
               std::int64_t n_positions);

  std::int64_t vocab_size() const override { return std::ssize(tokens_); }
  std::int64_t n_positions() const override { return n_positions_; }
  SequenceId create() override;
  void release(SequenceId sequence) override;
  std::int64_t length(SequenceId sequence) const override;
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override;
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override;
  ForwardOutput forward(const Batch& batch) override;

 private:
  // The end of a beginning; node 0 ends the one that all have in common.
  struct Node {
    std::vector<Token> text;            // the model's tokens
    std::vector<std::size_t> children;  // [tokens]; 0: not met yet
    std::vector<float> logits;          // [tokens]; empty: not computed yet
  };

  std::vector<std::size_t>& path_of(SequenceId sequence) {
    return paths_[static_cast<std::size_t>(sequence)];
  }
  std::size_t child(std::size_t node, Token token);
  std::span<const float> logits(std::size_t node);

  std::vector<Token> tokens_;
  std::int64_t n_positions_;
  TargetRows rows_;
  std::vector<Node> nodes_;
  std::vector<std::vector<std::size_t>> paths_;  // nodes, a sequence each
  std::vector<SequenceId> free_;
  std::vector<float> out_;  // [rows, tokens]
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_NARROW_SCORER_H_
