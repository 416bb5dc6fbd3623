#include "base/memory_placer.h"

#if PILOTFISH_LIBNUMA
#include <numa.h>
#include <numaif.h>
#include <unistd.h>

#include <cstdint>

namespace pilotfish {
namespace {

// Prefers a node: binding pages to it would end the program where the node is
// full and another one is not.
class LibnumaPlacer final : public MemoryPlacer {
 public:
  void place(std::span<const std::byte> range, int node) override {
    if (range.empty() || node < 0 || node > numa_max_node()) return;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin =
        reinterpret_cast<std::uintptr_t>(range.data()) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(range.data()) +
                     static_cast<std::uintptr_t>(range.size());
    bitmask* const nodes = numa_allocate_nodemask();
    numa_bitmask_setbit(nodes, static_cast<unsigned>(node));
    // The kernel takes the size for one more than the bits it reads.
    ::mbind(reinterpret_cast<void*>(begin), end - begin, MPOL_PREFERRED,
            nodes->maskp, nodes->size + 1, 0);
    numa_free_nodemask(nodes);
  }
};

}  // namespace

MemoryPlacer* system_placer() {
  static LibnumaPlacer placer;
  static const bool available = numa_available() >= 0;
  return available ? &placer : nullptr;
}

std::string_view no_placer_reason() {
  return system_placer() != nullptr
             ? ""
             : "the system does not let this process place memory (in a "
               "container that takes the capability SYS_NICE)";
}

}  // namespace pilotfish

#else

namespace pilotfish {

MemoryPlacer* system_placer() { return nullptr; }

std::string_view no_placer_reason() {
  return "pilotfish was built without libnuma (Debian's libnuma-dev)";
}

}  // namespace pilotfish

#endif
