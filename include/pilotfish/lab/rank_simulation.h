#ifndef PILOTFISH_LAB_RANK_SIMULATION_H_
#define PILOTFISH_LAB_RANK_SIMULATION_H_

#include <cstdint>
#include <vector>

#include "pilotfish/lab/network.h"

namespace pilotfish {

// What the ranks do up to a gather, and the gather.
struct RankStep {
  std::vector<double> seconds;  // that each computes, [ranks]
  double gathered_bytes = 0;    // of all ranks together
};

// Makes the ranks unequal: whatever a rank computes takes up to `most` times
// its time longer, evenly distributed, drawn for each pass, step and rank by
// itself and the same for the same seed.
struct Jitter {
  double most = 0;
  std::uint64_t seed = 0;
};

struct SimulatedPass {
  double compute_seconds = 0;  // until the slowest rank of each step is done
  double gather_seconds = 0;
  double waiting_seconds = 0;  // of an average rank, for the slowest

  double seconds() const { return compute_seconds + gather_seconds; }
};

// Passes of a model that is split over ranks: in every step all compute, wait
// for the slowest and exchange what they have. Thread-safe.
class RankSimulation {
 public:
  // Requires: every step has the seconds of equally many ranks, at least one
  // and at most network.max_ranks().
  RankSimulation(std::vector<RankStep> steps, Network network,
                 Jitter jitter = {});

  SimulatedPass pass(std::uint64_t index) const;
  // Averages the first `passes`; without jitter all are the same, and one is
  // made.
  SimulatedPass average(std::uint64_t passes) const;

 private:
  std::vector<RankStep> steps_;
  Network network_;
  Jitter jitter_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_RANK_SIMULATION_H_
