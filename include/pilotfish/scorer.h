#ifndef PILOTFISH_SCORER_H_
#define PILOTFISH_SCORER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "pilotfish/kv_cache.h"
#include "pilotfish/model.h"

namespace pilotfish {

// A model together with the cache it fills: all that speculation needs to know
// of a target or a draft. Its sequences grow by forward passes and shrink by
// truncation; of a tree, `keep` makes one path a part of them. Not thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;

  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t n_positions() const = 0;  // the most a sequence holds

  virtual SequenceId create() = 0;  // throws Error when all are in use
  virtual void release(SequenceId sequence) = 0;
  virtual std::int64_t length(SequenceId sequence) const = 0;
  // As KvCache::truncate: returns the length reached.
  virtual std::int64_t truncate(SequenceId sequence, std::int64_t length) = 0;
  virtual void keep(SequenceId sequence,
                    std::span<const std::int32_t> path) = 0;

  // As Model::forward. The output stays valid until the next call.
  virtual ForwardOutput forward(const Batch& batch) = 0;
};

class ModelScorer final : public Scorer {
 public:
  // Makes the cache. Throws as KvCache does.
  ModelScorer(std::shared_ptr<Model> model, const KvCacheOptions& options);

  std::int64_t vocab_size() const override;
  std::int64_t n_positions() const override;
  SequenceId create() override;
  void release(SequenceId sequence) override;
  std::int64_t length(SequenceId sequence) const override;
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override;
  void keep(SequenceId sequence, std::span<const std::int32_t> path) override;
  ForwardOutput forward(const Batch& batch) override;
  // With the model's first layers alone; the cache's others stay unwritten.
  ForwardOutput forward_first(const Batch& batch, std::int64_t layers);

  const Model& model() const { return *model_; }
  const KvCache& cache() const { return cache_; }

 private:
  std::shared_ptr<Model> model_;
  KvCache cache_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SCORER_H_
