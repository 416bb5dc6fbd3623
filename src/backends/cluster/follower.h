#ifndef PILOTFISH_BACKENDS_CLUSTER_FOLLOWER_H_
#define PILOTFISH_BACKENDS_CLUSTER_FOLLOWER_H_

#include <map>
#include <memory>
#include <string>

#include "backends/cluster/commands.h"
#include "backends/cluster/timed_exchange.h"
#include "backends/cluster/transport.h"
#include "backends/cpu/forward.h"
#include "formats/checkpoint.h"

namespace pilotfish {

// Every other rank's side of a cluster: its shards of models and caches, and
// the commands of rank 0 that are about them.
class Follower {
 public:
  // `transport` must outlive this object.
  explicit Follower(Transport& transport)
      : transport_(transport), exchange_(transport) {}

  // Obeys until rank 0 ends the cluster. Throws Error where a rank is lost or a
  // pass fails here, after which the others cannot go on.
  void run();

 private:
  bool obey(MessageReader& message);  // one command; false: the last one
  void open(const ModelOrder& order);
  void load(const ModelOrder& order);
  LoadReport load_shard(const ModelOrder& order);
  void make_storage(const StorageOrder& order);
  void compute(MessageReader& message);
  // Nullptr where this rank has no part of it.
  CpuKvStorage* find_storage(ObjectId id) const;
  std::shared_ptr<ThreadTeam> team(int threads);
  void report_waits();
  void reply(const auto& answer);

  Transport& transport_;
  TimedExchange exchange_;
  std::shared_ptr<ThreadTeam> team_;
  std::shared_ptr<const Checkpoint> opened_;  // by the last kOpen
  std::map<ObjectId, std::unique_ptr<CpuForward>> models_;
  std::map<ObjectId, std::unique_ptr<KvStorage>> storages_;
  PassOrder pass_;

  // Seconds of waiting for commands.
  double waited_ = 0;  // between passes
  double waited_since_pass_ = 0;
  bool has_computed_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_FOLLOWER_H_
