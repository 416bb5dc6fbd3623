#include "lab/selfcheck/neighbours.h"

#include <random>
#include <utility>

namespace pilotfish {
namespace {

constexpr std::uint64_t kAtOnce = 2;
// An event of a stream takes some hundred bytes.
constexpr std::int64_t kMostBytes = 4000;

}  // namespace

Neighbours::Neighbours(TextServer& server, std::vector<ServedRequest> requests,
                       std::uint64_t seed)
    : server_(server), requests_(std::move(requests)) {
  for (std::uint64_t i = 0; i < kAtOnce; ++i) {
    threads_.emplace_back(
        [this, i, seed](const std::stop_token& stop) { run(stop, seed + i); });
  }
}

void Neighbours::run(std::stop_token stop, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  try {
    // One at least, however soon the others are done.
    do {
      const ServedRequest& request = requests_[random() % requests_.size()];
      server_.abandon(request,
                      static_cast<std::int64_t>(random() % kMostBytes));
      ++count_;
    } while (!stop.stop_requested());
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

std::int64_t Neighbours::finish() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins them
  if (failure_) std::rethrow_exception(failure_);
  return count_;
}

}  // namespace pilotfish
