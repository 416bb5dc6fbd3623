#ifndef PILOTFISH_BASE_MEMORY_PLACER_H_
#define PILOTFISH_BASE_MEMORY_PLACER_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace pilotfish {

// Decides in which node's memory (see MachineNode) pages will lie.
// Implementations are thread-safe.
class MemoryPlacer {
 public:
  virtual ~MemoryPlacer() = default;

  // Asks for memory of the node for the pages of a range, those at its ends
  // included, when they are first written: one that has been keeps its place.
  // This is a wish. A node without memory to spare, or that this process may
  // not use, has it granted elsewhere, and nothing is computed differently.
  virtual void place(std::span<const std::byte> range, int node) = 0;
};

// The system's; null where there is none. Lives as long as the program.
MemoryPlacer* system_placer();
// Why there is none; empty where there is one.
std::string_view no_placer_reason();

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_MEMORY_PLACER_H_
