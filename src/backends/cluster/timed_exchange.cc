#include "backends/cluster/timed_exchange.h"

#include <chrono>

namespace pilotfish {

template <typename Function>
void TimedExchange::time(std::span<const std::int64_t> begins,
                         const Function& function) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  function();
  const std::chrono::duration<double> taken = Clock::now() - start;
  ++counted_.gathers;
  counted_.bytes += begins.back();
  counted_.seconds += taken.count();
}

void TimedExchange::all_gather(std::byte* data,
                               std::span<const std::int64_t> begins) {
  time(begins, [&] { exchange_.all_gather(data, begins); });
}

void TimedExchange::gather(std::byte* data,
                           std::span<const std::int64_t> begins) {
  time(begins, [&] { exchange_.gather(data, begins); });
}

}  // namespace pilotfish
