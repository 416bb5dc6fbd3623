#include "pilotfish/cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "backends/cluster/follower.h"
#include "backends/cluster/launch.h"
#include "backends/cluster/leader.h"
#include "backends/cluster/start.h"
#include "pilotfish/error.h"

namespace pilotfish {

struct Cluster::Impl {
  std::unique_ptr<ProcessTransport> transport;
  std::shared_ptr<Leader> leader;  // of the first rank
};

std::unique_ptr<Cluster> Cluster::join() {
  const auto launch = Launch::find();
  if (!launch || launch->ranks == 1) {
    if (!started_by_other_mpi()) return nullptr;
    throw Error(
        "mpirun: ranks are connected by Open MPI, and another MPI's launcher "
        "has started this one; use Open MPI's mpirun");
  }
  take_share_of_processors(*launch);
  auto impl = std::make_unique<Impl>();
  impl->transport = start_transport();
  if (impl->transport->rank() == 0) {
    impl->leader = std::make_shared<Leader>(*impl->transport);
    set_current_leader(impl->leader);
  }
  return std::unique_ptr<Cluster>(new Cluster(std::move(impl)));
}

Cluster::Cluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Cluster::~Cluster() {
  if (!impl_->leader) return;
  set_current_leader(nullptr);
  if (!impl_->leader->end()) impl_->transport->abort();
}

int Cluster::rank() const { return impl_->transport->rank(); }
int Cluster::ranks() const { return impl_->transport->ranks(); }

int Cluster::follow() {
  try {
    Follower(*impl_->transport).run();
    return 0;
  } catch (const std::exception& error) {
    const std::string line =
        fmt::format("pilotfish: rank {} on {}: {}\n", rank(),
                    impl_->transport->host(rank()), error.what());
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, line.data(), line.size());
    impl_->transport->abort();
    return 1;
  }
}

int cluster_ranks() {
  const auto leader = current_leader();
  return leader ? leader->ranks() : 1;
}

void on_rank_lost(std::function<void()> handler) {
  if (const auto leader = current_leader()) leader->on_loss(std::move(handler));
}

std::optional<ClusterStatistics> cluster_statistics() {
  const auto leader = current_leader();
  if (!leader) return std::nullopt;
  return leader->statistics();
}

double measure_gather(std::int64_t bytes, int ranks, int repetitions) {
  const auto leader = current_leader();
  if (!leader) {
    throw UsageError("gathers are measured between ranks; start with mpirun");
  }
  if (bytes < 1 || ranks < 2 || ranks > leader->ranks() || repetitions < 1) {
    throw UsageError(fmt::format(
        "a gather of {} bytes between {} ranks, {} times: expected 2 to {} "
        "ranks, and 1 or more of the others",
        bytes, ranks, repetitions, leader->ranks()));
  }
  return leader->measure({bytes, ranks, repetitions});
}

}  // namespace pilotfish
