#include "pilotfish/scorer.h"

#include <utility>

namespace pilotfish {

ModelScorer::ModelScorer(std::shared_ptr<Model> model,
                         const KvCacheOptions& options)
    : model_(std::move(model)), cache_(model_->config(), options) {}

std::int64_t ModelScorer::vocab_size() const {
  return model_->config().vocab_size;
}

std::int64_t ModelScorer::n_positions() const { return cache_.n_positions(); }

SequenceId ModelScorer::create() { return cache_.create(); }

void ModelScorer::release(SequenceId sequence) { cache_.release(sequence); }

std::int64_t ModelScorer::length(SequenceId sequence) const {
  return cache_.length(sequence);
}

std::int64_t ModelScorer::truncate(SequenceId sequence, std::int64_t length) {
  return cache_.truncate(sequence, length);
}

void ModelScorer::keep(SequenceId sequence,
                       std::span<const std::int32_t> path) {
  cache_.keep(sequence, path);
}

ForwardOutput ModelScorer::forward(const Batch& batch) {
  return model_->forward(batch, cache_);
}

ForwardOutput ModelScorer::forward_first(const Batch& batch,
                                         std::int64_t layers) {
  return model_->forward(batch, cache_, layers);
}

}  // namespace pilotfish
