#include <array>
#include <cstddef>

#include "pilotfish/engine.h"

namespace pilotfish {
namespace {

constexpr std::array<std::string_view, 5> kDrafters = {
    "model", "ngram", "suffix", "prediction", "skip"};

}  // namespace

std::string_view origin_name(Origin origin) {
  constexpr std::array<std::string_view, 3> kNames = {"accepted", "recovered",
                                                      "bonus"};
  return kNames[static_cast<size_t>(origin)];
}

std::string_view drafter_name(DrafterKind kind) {
  return kDrafters[static_cast<size_t>(kind)];
}

std::optional<DrafterKind> parse_drafter(std::string_view name) {
  for (size_t i = 0; i < kDrafters.size(); ++i) {
    if (kDrafters[i] == name) return static_cast<DrafterKind>(i);
  }
  return std::nullopt;
}

std::string_view finish_reason_name(FinishReason reason) {
  constexpr std::array<std::string_view, 5> kNames = {
      "stop_token", "stop_string", "max_tokens", "n_positions", "cancelled"};
  return kNames[static_cast<size_t>(reason)];
}

}  // namespace pilotfish
