#ifndef PILOTFISH_CLUSTER_H_
#define PILOTFISH_CLUSTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

// Several processes, on one machine or on many, that compute one model together
// (tensor parallelism): each rank holds some rows of every weight matrix and
// some heads of the cache. Texts have the same bits for every number of ranks.
// Open MPI starts the processes and connects them: `mpirun -n 4 program ...`.
namespace pilotfish {

// For how long a rank has not computed, in seconds.
struct RankWaits {
  double gathers = 0;   // because it waited for other ranks' results
  double commands = 0;  // between passes: while the first rank drafted, sampled
                        // or had nothing to do
};

// What the first rank has exchanged with the others.
struct ClusterStatistics {
  std::int64_t gathers = 0;
  std::int64_t bytes = 0;  // of all ranks' parts
  double seconds = 0;      // in gathers, waiting for slower ranks included
                           // and also what goes on while ranks compute
  std::vector<RankWaits> waits;  // of each rank
};

// This process's place in the cluster that mpirun has started. A program makes
// one object, at the start of main(), before it starts threads, and ends it
// last.
class Cluster {
 public:
  // Null where mpirun has not started this process, or only this one. Takes
  // this rank's share of the machine's processors, unless mpirun was told how
  // to bind (`--bind-to`). Throws Error where mpirun has started it and it was
  // built without Open MPI, or another MPI's mpirun has.
  static std::unique_ptr<Cluster> join();
  // The first rank's lets the others end. After a rank was lost, ends all of
  // them and this process, with status 1.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  int rank() const;
  int ranks() const;
  // The first rank is the program: Model::load splits models over the ranks,
  // and nothing else differs from a program of one process.
  bool is_first() const { return rank() == 0; }

  // What every other rank does instead: computes what the first one asks for,
  // until that one's Cluster ends. Returns the exit status. A failure is one
  // line on standard error, and ends all ranks.
  int follow();

 private:
  struct Impl;
  explicit Cluster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// How many ranks the cluster has that this process is the first of; 1: there is
// none.
int cluster_ranks();
// Called once, when a rank is lost, by the thread that noticed; it must not use
// models or this header. Every pass of a shared model throws Error from then on.
// Without a cluster it is never called.
void on_rank_lost(std::function<void()> handler);
// Nullopt where there is no cluster. Asks the other ranks, between passes;
// throws Error where one is lost.
std::optional<ClusterStatistics> cluster_statistics();
// Seconds of one gather between the first `ranks`, on average of `repetitions`:
// each has an equal part of `bytes`, and gets the others'. Throws UsageError
// where there is no cluster and for numbers out of range, Error where a rank is
// lost.
double measure_gather(std::int64_t bytes, int ranks, int repetitions);

}  // namespace pilotfish

#endif  // PILOTFISH_CLUSTER_H_
