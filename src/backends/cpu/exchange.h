#ifndef PILOTFISH_BACKENDS_CPU_EXCHANGE_H_
#define PILOTFISH_BACKENDS_CPU_EXCHANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pilotfish {

// Where the ranks that compute one model meet: each calls the same functions in
// the same order. Not thread-safe.
class Exchange {
 public:
  virtual ~Exchange() = default;

  // Rank r has filled bytes [begins[r], begins[r + 1]) of `data`, and gets
  // those of the others. begins: [ranks + 1], the same on each rank. Throws
  // Error, or ends the program, where a rank is lost.
  virtual void all_gather(std::byte* data,
                          std::span<const std::int64_t> begins) = 0;
  // The same, but only rank 0 gets anything, and `data` of another rank is its
  // own part.
  virtual void gather(std::byte* data,
                      std::span<const std::int64_t> begins) = 0;

  // Until the next call, whoever waits sleeps between looks whenever `*busy`:
  // its processor is wanted by others. Null: never. Between gathers only.
  virtual void sleep_while(const std::atomic<bool>* /*busy*/) {}
  // A rank that could not compute because it waited for gathers says so. By the
  // thread that computes, at any time.
  virtual void count_wait(double /*seconds*/) {}
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_EXCHANGE_H_
