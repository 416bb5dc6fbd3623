#include "pilotfish/scorer.h"

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

SequenceId Scorer::fork(SequenceId /*parent*/, std::int64_t /*length*/) {
  throw UsageError("this scorer's sequences cannot be forked");
}

ModelScorer::ModelScorer(std::shared_ptr<Model> model,
                         const KvCacheOptions& options)
    : model_(std::move(model)), cache_(model_->make_cache(options)) {}

std::int64_t ModelScorer::vocab_size() const {
  return model_->config().vocab_size;
}

std::int64_t ModelScorer::n_positions() const { return cache_.n_positions(); }

SequenceId ModelScorer::create() { return cache_.create(); }

SequenceId ModelScorer::fork(SequenceId parent, std::int64_t length) {
  take_back_ahead();
  return cache_.fork(parent, length);
}

void ModelScorer::release(SequenceId sequence) {
  take_back_ahead();
  cache_.release(sequence);
}

std::int64_t ModelScorer::length(SequenceId sequence) const {
  const auto ahead = std::ranges::find(ahead_, sequence, &Ahead::sequence);
  return ahead == ahead_.end() ? cache_.length(sequence) : ahead->length;
}

std::int64_t ModelScorer::truncate(SequenceId sequence, std::int64_t length) {
  take_back_ahead();
  return cache_.truncate(sequence, length);
}

std::int64_t ModelScorer::keep(SequenceId sequence,
                               std::span<const std::int32_t> path) {
  take_back_ahead();
  cache_.keep(sequence, path);
  return cache_.length(sequence);
}

bool ModelScorer::make_room(std::span<const KvGrowth> growths) {
  take_back_ahead();
  return cache_.has_blocks(growths);
}

ForwardOutput ModelScorer::forward(const Batch& batch) {
  take_back_ahead();
  return model_->forward(batch, cache_);
}

ThreadTeam* ModelScorer::threads() { return &model_->threads(); }

ForwardOutput ModelScorer::forward_ahead(const Batch& batch,
                                         std::int64_t layers) {
  for (const Batch::Entry& entry : batch.entries()) {
    const SequenceId id = entry.sequence;
    if (std::ranges::find(ahead_, id, &Ahead::sequence) == ahead_.end()) {
      ahead_.push_back({id, cache_.length(id)});
    }
  }
  return model_->forward(batch, cache_, layers);
}

std::int64_t ModelScorer::length_ahead(SequenceId sequence) const {
  return cache_.length(sequence);
}

std::int64_t ModelScorer::truncate_ahead(SequenceId sequence,
                                         std::int64_t length) {
  return cache_.truncate(sequence, std::max(length, this->length(sequence)));
}

void ModelScorer::take_back_ahead() {
  for (const Ahead& ahead : ahead_) {
    cache_.truncate(ahead.sequence, ahead.length);
  }
  ahead_.clear();
}

}  // namespace pilotfish
