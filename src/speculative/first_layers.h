#ifndef PILOTFISH_SPECULATIVE_FIRST_LAYERS_H_
#define PILOTFISH_SPECULATIVE_FIRST_LAYERS_H_

#include <cstdint>
#include <span>

#include "pilotfish/scorer.h"

namespace pilotfish {

// The first layers of a target, with its final norm and output, as a scorer:
// the target drafts for itself (compare Zhang et al. 2023, arXiv 2309.08168;
// Elhoushi et al. 2024, arXiv 2404.16710). It is a view and takes no memory:
// the weights are the target's, and so is the cache, whose first layers hold
// the text already. Drafted rows are written ahead there; the target's own
// pass takes them back and writes all layers.
class FirstLayers final : public Scorer {
 public:
  // `target` must outlive this. Throws UsageError unless 1 <= layers < the
  // model's.
  FirstLayers(ModelScorer& target, std::int64_t layers);

  std::int64_t vocab_size() const override { return target_.vocab_size(); }
  std::int64_t n_positions() const override { return target_.n_positions(); }
  // Creates and releases nothing: ids are the target's.
  SequenceId create() override { return -1; }
  void release(SequenceId) override {}
  std::int64_t length(SequenceId sequence) const override {
    return target_.length_ahead(sequence);
  }
  // Never goes back behind what the target has encoded.
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override {
    return target_.truncate_ahead(sequence, length);
  }
  // The target keeps the path of its own tree.
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t>) override {
    return target_.length_ahead(sequence);
  }
  ForwardOutput forward(const Batch& batch) override {
    return target_.forward_ahead(batch, layers_);
  }
  bool is_view() const override { return true; }
  ThreadTeam* threads() override { return target_.threads(); }

 private:
  ModelScorer& target_;
  std::int64_t layers_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_FIRST_LAYERS_H_
