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
  double idle = 0;  // of the ranks but the first, the one that waited longest
  for (const RankWaits& waits : statistics->waits) {
    idle = std::max(idle, waits.commands);
  }
  return fmt::format(
      "{}, each with {} of the target at most; {} gathers, {} each on average; "
      "waited {:.0f} % of the time for them, the other ranks {:.0f} % for "
      "rank 0 to draft and sample",
      ranks.size(), format_bytes(largest.weight_bytes), statistics->gathers,
      format_seconds(statistics->seconds / gathers),
      100 * statistics->waits.front().gathers / seconds, 100 * idle / seconds);
}

nlohmann::ordered_json ranks_json(const Model& model) {
  const auto statistics = cluster_statistics();
  if (!statistics) return nullptr;
  auto shares = nlohmann::ordered_json::array();
  const auto ranks = model.ranks();
  for (size_t i = 0; i < ranks.size(); ++i) {
    const RankWaits& waits = statistics->waits[i];
    shares.push_back({{"host", ranks[i].host},
                      {"threads", ranks[i].threads},
                      {"weight_bytes", ranks[i].weight_bytes},
                      {"resident_bytes", ranks[i].resident_bytes},
                      {"gather_wait_seconds", waits.gathers},
                      {"command_wait_seconds", waits.commands}});
  }
  return {{"shares", std::move(shares)},
          {"gathers", statistics->gathers},
          {"gather_bytes", statistics->bytes},
          {"gather_seconds", statistics->seconds}};
}

}  // namespace pilotfish::cli
