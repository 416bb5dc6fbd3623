#ifndef PILOTFISH_LAB_SELFCHECK_NEIGHBOURS_H_
#define PILOTFISH_LAB_SELFCHECK_NEIGHBOURS_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "pilotfish/lab/server_check.h"

namespace pilotfish {

// Clients that have texts streamed and go away at random, one after another,
// while this lives.
class Neighbours {
 public:
  // They ask for one of these at a time; `server` must outlive this.
  Neighbours(TextServer& server, std::vector<ServedRequest> requests,
             std::uint64_t seed);
  // Waits until the last ones have gone. Returns how many there were, and
  // throws what one of them met. Requires: called once, at the end.
  std::int64_t finish();

 private:
  void run(std::stop_token stop, std::uint64_t seed);

  TextServer& server_;
  const std::vector<ServedRequest> requests_;
  std::atomic<std::int64_t> count_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // the last member: they use the others
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_NEIGHBOURS_H_
