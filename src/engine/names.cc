#include <array>
#include <cstddef>

#include "pilotfish/engine.h"

namespace pilotfish {

std::string_view origin_name(Origin origin) {
  constexpr std::array<std::string_view, 3> kNames = {"accepted", "recovered",
                                                      "bonus"};
  return kNames.at(static_cast<size_t>(origin));
}

std::string_view finish_reason_name(FinishReason reason) {
  constexpr std::array<std::string_view, 5> kNames = {
      "stop_token", "stop_string", "max_tokens", "n_positions", "cancelled"};
  return kNames.at(static_cast<size_t>(reason));
}

}  // namespace pilotfish
