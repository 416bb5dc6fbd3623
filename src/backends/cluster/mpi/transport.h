#ifndef PILOTFISH_BACKENDS_CLUSTER_MPI_TRANSPORT_H_
#define PILOTFISH_BACKENDS_CLUSTER_MPI_TRANSPORT_H_

#include <mpi.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "backends/cluster/launch.h"
#include "backends/cluster/start.h"

namespace pilotfish {

// Over Open MPI, from its start to its end. Every message goes from one rank to
// another by itself: then it is known who is missing when one does not come. A
// rank that waits looks for what it waits for, gives its processor to others
// where ranks outnumber processors, and after a time-out calls the rank lost.
class MpiTransport final : public ProcessTransport {
 public:
  explicit MpiTransport(const Launch& launch);
  ~MpiTransport() override;

  int rank() const override { return rank_; }
  int ranks() const override { return static_cast<int>(peers_.size()); }
  std::string host(int rank) const override;

  void all_gather(std::byte* data,
                  std::span<const std::int64_t> begins) override;
  void gather(std::byte* data, std::span<const std::int64_t> begins) override;
  void sleep_while(const std::atomic<bool>* busy) override { busy_ = busy; }
  void command(std::span<const std::byte> message) override;
  Bytes next_command() override;
  void answer(std::span<const std::byte> message) override;
  std::vector<Bytes> answers() override;
  void abort() override;

 private:
  enum Tag { kExchange, kCommand, kAnswer };

  void send(int to, Tag tag, const std::byte* data, std::int64_t bytes);
  void receive(int from, Tag tag, std::byte* data, std::int64_t bytes);
  // Until all sends and receives since the last call are done.
  void complete();
  Bytes take_message(int from, Tag tag);
  // Looks again and again, until `is_there()`. `missing()`: the rank that is
  // waited for.
  void wait(const std::function<bool()>& is_there,
            const std::function<int()>& missing, bool has_limit);

  struct Peer {
    char host[MPI_MAX_PROCESSOR_NAME];
    int pid;
  };

  int rank_ = 0;
  bool is_crowded_;  // more ranks than processors
  double time_out_;  // seconds
  const std::atomic<bool>* busy_ = nullptr;
  std::vector<Peer> peers_;            // [ranks]
  std::vector<MPI_Request> requests_;  // not completed
  std::vector<int> partners_;          // one a request
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_MPI_TRANSPORT_H_
