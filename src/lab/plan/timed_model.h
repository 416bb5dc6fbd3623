#ifndef PILOTFISH_LAB_PLAN_TIMED_MODEL_H_
#define PILOTFISH_LAB_PLAN_TIMED_MODEL_H_

#include <cstdint>
#include <vector>

#include "pilotfish/kv_cache.h"
#include "pilotfish/lab/plan.h"
#include "pilotfish/model.h"

namespace pilotfish {

// A model with a cache of its own whose sequences hold `context` positions, to
// be timed. Their keys and values are zeros, which take as long as any others.
class TimedModel {
 public:
  // `model` must outlive it. Passes may have up to `max_rows` rows a sequence.
  TimedModel(Model& model, const Workload& workload, std::int64_t max_rows);

  // A pass over `rows` rows of each sequence, the last `logits_rows` of them
  // with logits, undone afterwards; `layers` as Model::forward's.
  void pass(std::int64_t rows, std::int64_t logits_rows,
            std::int64_t layers = 0);
  void pass(std::int64_t rows) { pass(rows, rows); }

 private:
  void fill();

  Model& model_;
  const Workload workload_;
  KvCache cache_;
  std::vector<SequenceId> sequences_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLAN_TIMED_MODEL_H_
