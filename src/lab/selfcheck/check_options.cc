#include "lab/selfcheck/check_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

void require(bool holds, std::string_view name, double value,
             std::string_view allowed) {
  if (holds) return;
  throw UsageError(fmt::format("{}: {} is out of range; allowed is {}", name,
                               value, allowed));
}

}  // namespace

void check_options(const std::vector<SelfcheckPair>& pairs,
                   const SelfcheckOptions& options) {
  if (pairs.empty()) throw UsageError("selfcheck: there is no model");
  if (options.prompts.empty() ||
      std::ranges::any_of(options.prompts,
                          [](const auto& prompt) { return prompt.empty(); })) {
    throw UsageError("selfcheck: a prompt is missing or empty");
  }
  require(!options.windows.empty(), "windows", 0, "one or more");
  for (const std::int64_t window : options.windows) {
    require(window >= 2 && window <= 64, "windows", static_cast<double>(window),
            "2 to 64");
  }
  for (const double temperature : options.temperatures) {
    require(temperature > 0 && std::isfinite(temperature), "temperatures",
            temperature, "a finite number above 0");
  }
  require(options.max_tokens >= 4, "max_tokens",
          static_cast<double>(options.max_tokens), "4 or more");
  require(options.trials >= 100, "trials", static_cast<double>(options.trials),
          "100 or more");
  require(options.most_trials >= 100, "most_trials",
          static_cast<double>(options.most_trials), "100 or more");
  require(options.level > 0 && options.level < 1, "level", options.level,
          "between 0 and 1");
  require(options.power > 0 && options.power < 1, "power", options.power,
          "between 0 and 1");
}

}  // namespace pilotfish
