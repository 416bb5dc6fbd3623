#ifndef PILOTFISH_SPECULATIVE_FORWARDING_SCORER_H_
#define PILOTFISH_SPECULATIVE_FORWARDING_SCORER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "pilotfish/scorer.h"

namespace pilotfish {

// Another scorer, unchanged: a base for those that change a part of what it
// does.
class ForwardingScorer : public Scorer {
 public:
  explicit ForwardingScorer(std::shared_ptr<Scorer> inner)
      : inner_(std::move(inner)) {}
  // `inner` must outlive this.
  explicit ForwardingScorer(Scorer& inner)
      : inner_(std::shared_ptr<Scorer>(), &inner) {}

  std::int64_t vocab_size() const override { return inner_->vocab_size(); }
  std::int64_t n_positions() const override { return inner_->n_positions(); }
  SequenceId create() override { return inner_->create(); }
  SequenceId create_for(std::span<const Token> text,
                        std::string_view salt) override {
    return inner_->create_for(text, salt);
  }
  SequenceId fork(SequenceId parent, std::int64_t length) override {
    return inner_->fork(parent, length);
  }
  bool can_fork() const override { return inner_->can_fork(); }
  void release(SequenceId sequence) override { inner_->release(sequence); }
  std::int64_t length(SequenceId sequence) const override {
    return inner_->length(sequence);
  }
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override {
    return inner_->truncate(sequence, length);
  }
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override {
    return inner_->keep(sequence, path);
  }
  bool make_room(std::span<const KvGrowth> growths) override {
    return inner_->make_room(growths);
  }
  ForwardOutput forward(const Batch& batch) override {
    return inner_->forward(batch);
  }
  bool is_view() const override { return inner_->is_view(); }
  ThreadTeam* threads() override { return inner_->threads(); }
  std::int64_t cache_bytes() const override { return inner_->cache_bytes(); }

 protected:
  const std::shared_ptr<Scorer> inner_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_FORWARDING_SCORER_H_
