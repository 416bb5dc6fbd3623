#include "speculative/scorer.h"

#include <utility>

namespace pilotfish {

ModelScorer::ModelScorer(std::shared_ptr<Model> model,
                         const KvCacheOptions& options)
    : model_(std::move(model)), cache_(model_->config(), options) {}

std::int64_t ModelScorer::vocab_size() const {
  return model_->config().vocab_size;
}

}  // namespace pilotfish
