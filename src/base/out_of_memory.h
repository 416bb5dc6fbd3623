#ifndef PILOTFISH_BASE_OUT_OF_MEMORY_H_
#define PILOTFISH_BASE_OUT_OF_MEMORY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {

// "3.2 GiB", "512 KiB": three digits or fewer before the unit.
std::string memory_text(std::uint64_t bytes);

// The error of an allocation that failed: how much was asked for and what for,
// what to do, and the limit of the process where it has one (ulimit -v).
Error out_of_memory(std::uint64_t bytes, std::string_view what_for,
                    std::string_view what_to_do);

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_OUT_OF_MEMORY_H_
