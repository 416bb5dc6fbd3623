#ifndef PILOTFISH_SCORER_H_
#define PILOTFISH_SCORER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "pilotfish/kv_cache.h"
#include "pilotfish/model.h"
#include "pilotfish/threads.h"
#include "pilotfish/token.h"

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
  // A sequence for a text that begins with `text`. It may hold some of the
  // first of these tokens already, never all: `length` says how many. Texts
  // with different salts have nothing in common.
  virtual SequenceId create_for(std::span<const Token> /*text*/,
                                std::string_view /*salt*/) {
    return create();
  }
  // A sequence with the first `length` tokens of `parent`, or fewer where a
  // scorer cannot go back to any length. Shares their memory, and does not
  // count among those that `create` makes. Requires: can_fork().
  virtual SequenceId fork(SequenceId parent, std::int64_t length);
  virtual bool can_fork() const { return false; }
  virtual void release(SequenceId sequence) = 0;
  virtual std::int64_t length(SequenceId sequence) const = 0;
  // As KvCache::truncate. Returns the length reached, which may be less than
  // was asked for, but not where the sequence has that length already. Whoever
  // calls encodes again what is missing.
  virtual std::int64_t truncate(SequenceId sequence, std::int64_t length) = 0;
  // As KvCache::keep. Returns the length reached, which may fall short in the
  // same way: a state that cannot be joined from a tree's rows goes back to the
  // last snapshot. A scorer that cannot branch at all throws UsageError for a
  // batch with a tree.
  virtual std::int64_t keep(SequenceId sequence,
                            std::span<const std::int32_t> path) = 0;

  // Whether there is memory for a pass in which these sequences grow so. What
  // is kept for later and not needed is given up for it.
  virtual bool make_room(std::span<const KvGrowth> /*growths*/) { return true; }

  // Does what Model::forward does. The output stays valid until the next call.
  virtual ForwardOutput forward(const Batch& batch) = 0;

  // Whether this is a view of the target, as FirstLayers is: its sequences are
  // the target's own, under the same ids, and hold what passes of the target
  // have encoded. They are neither created nor released here.
  virtual bool is_view() const { return false; }

  // The threads that it computes with, which others may use between its passes;
  // nullptr: none.
  virtual ThreadTeam* threads() { return nullptr; }

  // Memory that the cache takes; 0 where it is not this scorer's own.
  virtual std::int64_t cache_bytes() const { return 0; }
};

class ModelScorer final : public Scorer {
 public:
  // Makes the cache. Throws as KvCache does.
  ModelScorer(std::shared_ptr<Model> model, const KvCacheOptions& options);

  std::int64_t vocab_size() const override;
  std::int64_t n_positions() const override;
  SequenceId create() override;
  SequenceId fork(SequenceId parent, std::int64_t length) override;
  bool can_fork() const override { return true; }
  void release(SequenceId sequence) override;
  std::int64_t length(SequenceId sequence) const override;
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override;
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override;
  bool make_room(std::span<const KvGrowth> growths) override;
  ForwardOutput forward(const Batch& batch) override;
  ThreadTeam* threads() override;
  std::int64_t cache_bytes() const override { return cache_.bytes(); }

  // For drafting with the model's first layers alone. The rows of such a pass
  // are written ahead of their sequences and are not part of them: length()
  // does not count them, and whatever changes a sequence by the functions above
  // takes them all back first.
  ForwardOutput forward_ahead(const Batch& batch, std::int64_t layers);
  // The length with the rows that are written ahead.
  std::int64_t length_ahead(SequenceId sequence) const;
  // Takes back those from `length` on, and a tree. Returns the length reached,
  // with those that are left.
  std::int64_t truncate_ahead(SequenceId sequence, std::int64_t length);

  const Model& model() const { return *model_; }
  const KvCache& cache() const { return cache_; }

 private:
  struct Ahead {
    SequenceId sequence;
    std::int64_t length;  // without the rows written ahead
  };

  void take_back_ahead();

  std::shared_ptr<Model> model_;
  KvCache cache_;
  std::vector<Ahead> ahead_;  // sequences with rows written ahead
};

}  // namespace pilotfish

#endif  // PILOTFISH_SCORER_H_
