#include "base/out_of_memory.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace pilotfish {
namespace {

// Bytes of address space that the process has; 0: unknown.
std::uint64_t address_space() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long pages = 0;
  if (std::fscanf(file, "%llu", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Empty where there is no limit.
std::string limit_text() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return "";
  }
  return fmt::format(" (ulimit -v allows {}, and {} are in use)",
                     memory_text(limit.rlim_cur), memory_text(address_space()));
}

}  // namespace

std::string memory_text(std::uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 99.95 ? 1 : 0, kUnits[unit]);
}

Error out_of_memory(std::uint64_t bytes, std::string_view what_for,
                    std::string_view what_to_do) {
  return Error(fmt::format("not enough memory: {} asked for {}{}; {}",
                           memory_text(bytes), what_for, limit_text(),
                           what_to_do));
}

}  // namespace pilotfish
