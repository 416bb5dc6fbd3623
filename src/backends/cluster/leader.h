#ifndef PILOTFISH_BACKENDS_CLUSTER_LEADER_H_
#define PILOTFISH_BACKENDS_CLUSTER_LEADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/cluster/commands.h"
#include "backends/cluster/measure.h"
#include "backends/cluster/timed_exchange.h"
#include "backends/cluster/transport.h"
#include "pilotfish/cluster.h"

namespace pilotfish {

// Rank 0's side of a cluster: tells the others what to do, in one message a
// pass. What needs no answer waits until the next message that must go.
// Thread-safe: one joint action at a time.
class Leader {
 public:
  // `transport` must outlive this object.
  explicit Leader(Transport& transport);

  int ranks() const { return transport_.ranks(); }
  std::string host(int rank) const { return transport_.host(rank); }

  ObjectId new_id();
  // Appends a command that needs no answer to the next message, or, once the
  // cluster has ended, to none. `put(MessageWriter&)` writes it.
  template <typename Put>
  void enqueue(const Put& put) {
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    put(message_);
  }
  // The same for a command that is answered. Throws Error where a rank is lost.
  template <typename Put>
  std::vector<Bytes> ask(const Put& put) {
    return act(put, [&] { return transport_.answers(); });
  }
  // The same, and this rank does something meanwhile, which must not throw.
  template <typename Put, typename Meanwhile>
  std::vector<Bytes> ask_and(const Put& put, const Meanwhile& meanwhile) {
    return act(put, [&] {
      meanwhile();
      return transport_.answers();
    });
  }
  // The same for a command that all ranks obey together; `part` is what this
  // one does, and returns.
  template <typename Put, typename Part>
  auto act(const Put& put, const Part& part) {
    const std::lock_guard lock(mutex_);
    check_is_alive();
    try {
      put(message_);
      send();
      return part();
    } catch (const std::exception& error) {
      // The others stay where they are: nothing more can be said to them.
      note_loss(error.what());
      throw;
    }
  }
  // For use within `act`: where this rank meets the others.
  Exchange& exchange() { return exchange_; }

  double measure(const TimedGathers& gathers);  // seconds of one

  // See on_rank_lost.
  void on_loss(std::function<void()> handler);
  // Asks the others for theirs. Throws Error where a rank is lost now; after
  // the cluster has ended, tells what this rank knows.
  ClusterStatistics statistics();
  // Tells the others to end. Returns whether all are well.
  bool end();

 private:

  void send() {
    transport_.command(message_.bytes());
    message_.clear();
  }
  void check_is_alive() const;
  void note_loss(const std::string& what);

  std::mutex mutex_;
  Transport& transport_;
  TimedExchange exchange_;
  MessageWriter message_;
  ObjectId last_id_ = 0;
  bool is_over_ = false;
  std::string failure_;  // what was lost
  std::function<void()> on_loss_;
};

// The leader of the cluster that this process leads; null: none. A program has
// one cluster at most.
std::shared_ptr<Leader> current_leader();
void set_current_leader(std::shared_ptr<Leader> leader);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_LEADER_H_
