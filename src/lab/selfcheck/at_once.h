#ifndef PILOTFISH_LAB_SELFCHECK_AT_ONCE_H_
#define PILOTFISH_LAB_SELFCHECK_AT_ONCE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pilotfish {

// Calls work(0) to work(count - 1), so many at once. Throws the first of what
// they throw, once all that have begun are done.
inline void at_once(std::int64_t count, std::int64_t together,
                    const std::function<void(std::int64_t)>& work) {
  std::atomic<std::int64_t> next = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  const auto worker = [&] {
    try {
      for (std::int64_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < std::min(count, together); ++i) {
      threads.emplace_back(worker);
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_AT_ONCE_H_
