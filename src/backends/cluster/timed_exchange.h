#ifndef PILOTFISH_BACKENDS_CLUSTER_TIMED_EXCHANGE_H_
#define PILOTFISH_BACKENDS_CLUSTER_TIMED_EXCHANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/cpu/exchange.h"

namespace pilotfish {

// Counts and times what goes through it.
class TimedExchange final : public Exchange {
 public:
  struct Counted {
    std::int64_t gathers = 0;
    std::int64_t bytes = 0;  // of all ranks' parts
    double seconds = 0;      // in gathers, waiting for slower ranks included
    double waited = 0;       // of those, not computing meanwhile
  };

  // `exchange` must outlive this object.
  explicit TimedExchange(Exchange& exchange) : exchange_(exchange) {}

  void all_gather(std::byte* data,
                  std::span<const std::int64_t> begins) override;
  void gather(std::byte* data, std::span<const std::int64_t> begins) override;
  void sleep_while(const std::atomic<bool>* busy) override {
    exchange_.sleep_while(busy);
  }
  void count_wait(double seconds) override { counted_.waited += seconds; }

  const Counted& counted() const { return counted_; }

 private:
  template <typename Function>
  void time(std::span<const std::int64_t> begins, const Function& function);

  Exchange& exchange_;
  Counted counted_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CLUSTER_TIMED_EXCHANGE_H_
