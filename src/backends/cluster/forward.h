#ifndef PILOTFISH_BACKENDS_CLUSTER_FORWARD_H_
#define PILOTFISH_BACKENDS_CLUSTER_FORWARD_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "backends/cluster/leader.h"
#include "backends/cpu/forward.h"
#include "formats/checkpoint.h"
#include "model/forward_pass.h"
#include "pilotfish/model.h"

namespace pilotfish {

// The forward pass of a model that the ranks of a cluster share, as rank 0 runs
// it: its own shard, and commands that have the others compute theirs.
class ClusterForward final : public ForwardPass {
 public:
  // Its line in the table of backends. Requires: current_leader(). Throws as
  // Model::load does, and Error naming the rank where another rank cannot load
  // the model, has another one, or runs another build or instruction set.
  static std::unique_ptr<ForwardPass> load(
      std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
      const LoadOptions& options);

  ~ClusterForward() override;

  std::int64_t weight_bytes() const override;
  std::int64_t resident_bytes() const override;
  std::int64_t matrices_kept_in_bf16() const override {
    return local_->matrices_kept_in_bf16();
  }
  std::string_view instruction_set() const override {
    return local_->instruction_set();
  }
  std::vector<RankShare> ranks() const override { return shares_; }
  std::unique_ptr<KvStorage> make_storage(
      const KvLayout& layout) const override;
  ForwardOutput run(const Batch& batch, KvCache& cache,
                    std::int64_t layers) override;

 private:
  ClusterForward(std::shared_ptr<Leader> leader, ObjectId id,
                 std::int64_t fewest_rows_to_overlap);

  void load_everywhere(std::shared_ptr<const Checkpoint> checkpoint,
                       const ModelConfig& config, const ModelOrder& order,
                       const LoadOptions& options);

  const std::shared_ptr<Leader> leader_;
  const ObjectId id_;
  const std::int64_t fewest_rows_to_overlap_;  // gathers of a pass
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<CpuForward> local_;
  std::vector<RankShare> shares_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_FORWARD_H_
