#include "sampling/logits_fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernels.h"

namespace pilotfish {
namespace {

bool is_fault(float logit) {
  return std::isnan(logit) || logit == std::numeric_limits<float>::infinity();
}

bool all_finite(std::span<const float> logits) {
  const auto size = std::ssize(logits);
  float largest = 0;
  return best_kernels().logits.block_maxima(logits.data(), size,
                                            (size + 15) / 16 * 16, &largest);
}

}  // namespace

std::string logits_fault(std::span<const float> logits) {
  if (all_finite(logits)) return {};
  const auto first = std::ranges::find_if(logits, is_fault);
  if (first != logits.end()) {
    return fmt::format(
        "{} of {} logits are NaN or infinite, first that of token {} ({})",
        std::ranges::count_if(logits, is_fault), logits.size(),
        first - logits.begin(), *first);
  }
  const bool any = std::ranges::any_of(
      logits, [](float logit) { return std::isfinite(logit); });
  return any ? "" : fmt::format("all {} logits are -infinity", logits.size());
}

std::string fault_message(std::string_view model, std::int64_t position,
                          const RowFault& fault) {
  if (!fault.is_models) {
    return fmt::format("position {}: {}", position, fault.text);
  }
  return fmt::format(
      "{} model: the logits for position {} are unusable: {}; `pilotfish "
      "inspect --check` looks for NaN and infinity in a model's weights",
      model, position, fault.text);
}

}  // namespace pilotfish
