#include "backends/cluster/measure.h"

#include <chrono>
#include <vector>

namespace pilotfish {

double time_gathers(Transport& transport, std::int64_t bytes, int repetitions) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::int64_t> begins;
  for (int rank = 0; rank <= transport.ranks(); ++rank) {
    begins.push_back(rank * bytes);
  }
  Bytes data(static_cast<size_t>(begins.back()));
  transport.all_gather(data.data(), begins);  // all are here now
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < repetitions; ++i) {
    transport.all_gather(data.data(), begins);
  }
  return std::chrono::duration<double>(Clock::now() - start).count() /
         repetitions;
}

}  // namespace pilotfish
