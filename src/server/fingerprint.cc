#include "server/fingerprint.h"

#include <fmt/format.h>

#include <cstdint>

namespace pilotfish::server {

std::string system_fingerprint(std::string_view model,
                               std::string_view acceptor) {
  // FNV-1a.
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : fmt::format("{}\n{}", model, acceptor)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return fmt::format("fp_{:016x}", hash);
}

}  // namespace pilotfish::server
