#include "backends/cluster/kv_storage.h"

#include <utility>

namespace pilotfish {

ClusterKvStorage::ClusterKvStorage(const KvLayout& layout,
                                   const ThreadTeam& team,
                                   std::shared_ptr<Leader> leader, ObjectId id,
                                   int ranks)
    : CpuKvStorage(layout, team),
      leader_(std::move(leader)),
      id_(id),
      ranks_(ranks) {}

ClusterKvStorage::~ClusterKvStorage() { tell(Command::kDropStorage); }

template <typename... Arguments>
void ClusterKvStorage::tell(Command command, const Arguments&... arguments) {
  leader_->enqueue([&](MessageWriter& message) {
    message.put(command);
    message.put(id_);
    (message.put(arguments), ...);
  });
}

void ClusterKvStorage::copy_block(KvBlock from, KvBlock to) {
  tell(Command::kCopyBlock, from, to);
  CpuKvStorage::copy_block(from, to);
}

void ClusterKvStorage::copy_slot(KvSlot from, KvSlot to) {
  tell(Command::kCopySlot, from, to);
  CpuKvStorage::copy_slot(from, to);
}

void ClusterKvStorage::clear_block(KvBlock block) {
  tell(Command::kClearBlock, block);
  CpuKvStorage::clear_block(block);
}

}  // namespace pilotfish
