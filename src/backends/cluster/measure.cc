#include "backends/cluster/measure.h"

#include <chrono>
#include <vector>

namespace pilotfish {

double time_gathers(Transport& transport, const TimedGathers& gathers) {
  using Clock = std::chrono::steady_clock;
  if (transport.rank() >= gathers.ranks) return 0;
  std::vector<std::int64_t> begins;
  for (int rank = 0; rank <= gathers.ranks; ++rank) {
    begins.push_back(gathers.bytes * rank / gathers.ranks);
  }
  Bytes data(static_cast<size_t>(gathers.bytes));
  transport.all_gather(data.data(), begins);  // all are here now
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < gathers.repetitions; ++i) {
    transport.all_gather(data.data(), begins);
  }
  return std::chrono::duration<double>(Clock::now() - start).count() /
         gathers.repetitions;
}

}  // namespace pilotfish
