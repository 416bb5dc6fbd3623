#ifndef PILOTFISH_LAB_PLAN_MEMORY_PROBE_H_
#define PILOTFISH_LAB_PLAN_MEMORY_PROBE_H_

#include <cstddef>
#include <cstdint>

#include "base/huge_buffer.h"
#include "base/thread_team.h"

namespace pilotfish {

// Zeros, more of them than the caches hold, to be read as fast as memory goes.
class MemoryProbe {
 public:
  static constexpr std::int64_t kBytes = std::int64_t{256} << 20;

  MemoryProbe();
  const std::byte* data() const { return bytes_.data(); }
  // Reads all of it once.
  void read(ThreadTeam& threads) const;

 private:
  HugeBuffer bytes_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_PLAN_MEMORY_PROBE_H_
