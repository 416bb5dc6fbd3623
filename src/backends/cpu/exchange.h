#ifndef PILOTFISH_BACKENDS_CPU_EXCHANGE_H_
#define PILOTFISH_BACKENDS_CPU_EXCHANGE_H_

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
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_EXCHANGE_H_
