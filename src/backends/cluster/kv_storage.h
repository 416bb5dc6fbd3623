#ifndef PILOTFISH_BACKENDS_CLUSTER_KV_STORAGE_H_
#define PILOTFISH_BACKENDS_CLUSTER_KV_STORAGE_H_

#include <memory>

#include "backends/cluster/leader.h"
#include "backends/cpu/kv_storage.h"

namespace pilotfish {

// Rank 0's heads of a cache. What is done to it, the other ranks do to theirs
// before their next pass.
class ClusterKvStorage final : public CpuKvStorage {
 public:
  // `layout`: of rank 0's part. `id`: what the other ranks know theirs by,
  // which exist. `ranks`: that share it. Throws std::bad_alloc.
  ClusterKvStorage(const KvLayout& layout, const ThreadTeam& team,
                   std::shared_ptr<Leader> leader, ObjectId id, int ranks);
  ~ClusterKvStorage() override;

  ObjectId id() const { return id_; }
  int ranks() const { return ranks_; }

  void copy_block(KvBlock from, KvBlock to) override;
  void copy_slot(KvSlot from, KvSlot to) override;
  void clear_block(KvBlock block) override;

 private:
  template <typename... Arguments>
  void tell(Command command, const Arguments&... arguments);

  const std::shared_ptr<Leader> leader_;
  const ObjectId id_;
  const int ranks_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_KV_STORAGE_H_
