#include "lab/plan/timed_model.h"

#include "model/kv_cache_access.h"

namespace pilotfish {

TimedModel::TimedModel(Model& model, const Workload& workload,
                       std::int64_t max_rows)
    : model_(model),
      workload_(workload),
      cache_(model.make_cache({.n_positions = workload.context + max_rows,
                               .max_sequences = workload.sequences,
                               .dtype = workload.kv_dtype})) {
  for (std::int64_t i = 0; i < workload.sequences; ++i) {
    sequences_.push_back(cache_.create());
    cache_.append(sequences_.back(), workload.context);
  }
  fill();
}

// Pages that were never written would all be the system's one page of zeros,
// and reading them nothing that memory has to do.
void TimedModel::fill() {
  const KvCacheAccess access(cache_);
  for (const SequenceId sequence : sequences_) {
    for (const KvBlock block : access.blocks(sequence)) {
      access.storage().clear_block(block);
    }
  }
}

void TimedModel::pass(std::int64_t rows, std::int64_t logits_rows,
                      std::int64_t layers) {
  const std::vector<Token> tokens(static_cast<size_t>(rows), 0);
  Batch batch;
  for (const SequenceId sequence : sequences_) {
    batch.add(sequence, tokens, logits_rows);
  }
  model_.forward(batch, cache_, layers);
  for (const SequenceId sequence : sequences_) {
    cache_.truncate(sequence, workload_.context);
  }
}

}  // namespace pilotfish
