#include <array>
#include <cstddef>

#include "pilotfish/lab/selfcheck.h"

namespace pilotfish {

std::string_view check_kind_name(CheckKind kind) {
  constexpr std::array<std::string_view, 5> kNames = {
      "greedy", "reproducible", "distribution", "control", "lossy"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view verdict_name(CheckVerdict verdict) {
  constexpr std::array<std::string_view, 6> kNames = {
      "holds",      "fails",          "caught",
      "not_caught", "lossy_detected", "lossy_undetected"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string_view verdict_name(SelfcheckVerdict verdict) {
  constexpr std::array<std::string_view, 4> kNames = {
      "lossless", "not_lossless", "nothing_claimed", "inconclusive"};
  return kNames[static_cast<std::size_t>(verdict)];
}

}  // namespace pilotfish
