#include "cli/ranks_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "pilotfish/cluster.h"

namespace pilotfish::cli {

std::string ranks_text(const Model& model, double seconds) {
  const auto ranks = model.ranks();
  const auto statistics = cluster_statistics();
  if (ranks.size() == 1 || !statistics) return {};
  const auto largest = std::ranges::max(ranks, {}, &RankShare::weight_bytes);
  const auto gathers =
      static_cast<double>(std::max<std::int64_t>(1, statistics->gathers));
  return fmt::format(
      "{}, each with {} of the target at most; {} gathers, {} each on average, "
      "{:.0f} % of the time",
      ranks.size(), format_bytes(largest.weight_bytes), statistics->gathers,
      format_seconds(statistics->seconds / gathers),
      100 * statistics->seconds / seconds);
}

nlohmann::ordered_json ranks_json(const Model& model) {
  const auto statistics = cluster_statistics();
  if (!statistics) return nullptr;
  auto shares = nlohmann::ordered_json::array();
  for (const RankShare& rank : model.ranks()) {
    shares.push_back({{"host", rank.host},
                      {"threads", rank.threads},
                      {"weight_bytes", rank.weight_bytes},
                      {"resident_bytes", rank.resident_bytes}});
  }
  return {{"shares", std::move(shares)},
          {"gathers", statistics->gathers},
          {"gather_bytes", statistics->bytes},
          {"gather_seconds", statistics->seconds}};
}

}  // namespace pilotfish::cli
