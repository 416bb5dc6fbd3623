#include "cli/bench_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/report.h"
#include "cli/terminal.h"
#include "pilotfish/cluster.h"
#include "pilotfish/error.h"
#include "pilotfish/lab/network.h"
#include "pilotfish/spread.h"

namespace pilotfish::cli {
namespace {

// One row of activations of a small model, to a prompt of a large one.
constexpr std::int64_t kSizes[] = {1 << 10, 1 << 12, 1 << 14, 1 << 16,
                                   1 << 18, 1 << 20, 1 << 22};
constexpr int kRounds = 5;

// The median of several rounds, of some megabytes each.
GatherTime measured(std::int64_t bytes, int ranks) {
  const auto repetitions =
      static_cast<int>(std::clamp<std::int64_t>((1 << 22) / bytes, 4, 500));
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    seconds.push_back(measure_gather(bytes, ranks, repetitions));
  }
  return {static_cast<double>(bytes), ranks, median(seconds)};
}

std::vector<GatherTime> measure_gathers() {
  const int most = std::min(cluster_ranks(), kMostRanks);
  std::vector<int> counts;
  for (int ranks = 2; ranks < most; ranks *= 2) counts.push_back(ranks);
  counts.push_back(most);
  Progress progress("measuring gathers");
  std::vector<GatherTime> times;
  for (const int ranks : counts) {
    for (const std::int64_t bytes : kSizes) {
      times.push_back(measured(bytes, ranks));
      progress.update(static_cast<double>(times.size()) /
                      static_cast<double>(counts.size() * std::size(kSizes)));
    }
  }
  return times;
}

std::string table(const std::vector<GatherTime>& times) {
  std::string text =
      "| ranks | bytes of all together | a gather takes |\n"
      "|---:|---:|---:|\n";
  for (const GatherTime& time : times) {
    text += fmt::format("| {} | {} | {} |\n", time.ranks,
                        format_bytes(static_cast<std::int64_t>(time.bytes)),
                        fmt::format("{:.3g} us", time.seconds * 1e6));
  }
  return text;
}

}  // namespace

std::string network_report(bool as_json) {
  if (cluster_ranks() == 1) {
    throw UsageError(
        "--network measures gathers between processes: start with mpirun -n 2 "
        "pilotfish bench --network");
  }
  const std::vector<GatherTime> times = measure_gathers();
  if (!as_json) return table(times);
  auto gathers = nlohmann::ordered_json::array();
  for (const GatherTime& time : times) {
    gathers.push_back({{"bytes", static_cast<std::int64_t>(time.bytes)},
                       {"ranks", time.ranks},
                       {"seconds", time.seconds}});
  }
  return dump({{"gathers", std::move(gathers)}});
}

}  // namespace pilotfish::cli
