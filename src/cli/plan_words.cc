#include "cli/plan_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "pilotfish/dtype.h"

namespace pilotfish::cli {
namespace {

// "the roofline of 963.4 GB/s (2 sockets) and 20 TFLOP/s"
std::string roofline_text(const Plan& plan) {
  const MachineSpeed& machine = plan.machine;
  const double gigabytes = machine.bytes_per_second / 1e9;
  const std::string memory =
      plan.sockets == 1
          ? fmt::format("{:.6g} GB/s", gigabytes)
          : fmt::format("{:.4g} GB/s ({} sockets)", gigabytes, plan.sockets);
  const std::string arithmetic =
      std::isinf(machine.flops_per_second)
          ? ", arithmetic taken as free"
          : fmt::format(" and {:.6g} TFLOP/s", machine.flops_per_second / 1e12);
  return fmt::format("the roofline of {}{}", memory, arithmetic);
}

}  // namespace

std::string storage_name(const PlannedModel& model) {
  return model.q4_k_m ? "q4_k_m" : std::string(dtype_name(model.dtype));
}

std::string decimal_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::string milliseconds(double seconds) {
  return fmt::format("{:.3g} ms", 1e3 * seconds);
}

std::string rate(double tokens_per_second) {
  const int digits = tokens_per_second < 10 ? 2 : tokens_per_second < 100;
  return fmt::format("{:.{}f} tokens/s", tokens_per_second, digits);
}

std::vector<double> acceptances(const Plan& plan) {
  std::vector<double> all = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
  if (std::find(all.begin(), all.end(), plan.acceptance) == all.end()) {
    all.push_back(plan.acceptance);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::optional<BreakEven> lowest_break_even(const SpeculationCosts& costs) {
  std::optional<BreakEven> lowest;
  for (std::int64_t k = 2; k <= costs.max_window(); ++k) {
    const auto acceptance = break_even_acceptance(costs, k);
    if (acceptance && (!lowest || *acceptance < lowest->acceptance)) {
      lowest = {k, *acceptance};
    }
  }
  return lowest;
}

SpeedText speed_text(const Plan& plan) {
  constexpr double kGiga = 1e9;
  const std::string context =
      fmt::format("with {} tokens in the cache", plan.workload.context);
  const MachineSpeed& machine = plan.machine;
  switch (plan.speed_source) {
    case SpeedSource::kRoofline:
      return {roofline_text(plan), context};
    case SpeedSource::kGiven:
      return {"time per token as given", ""};
    case SpeedSource::kMeasuredPasses:
      return {fmt::format("passes measured on this machine, {} threads",
                          plan.threads),
              context};
    case SpeedSource::kMeasuredMatrix:
      break;
  }
  return {fmt::format("{:.3g} GB/s through a {} matrix, measured on this "
                      "machine, {} threads",
                      machine.bytes_per_second / kGiga,
                      dtype_name(plan.target.model.dtype), plan.threads),
          fmt::format("(plain reading {:.3g} GB/s), {}",
                      plan.read_bytes_per_second / kGiga, context)};
}

std::string verify_text(const Plan& plan) {
  switch (plan.verify_source) {
    case VerifySource::kFree:
      return "1, verification taken as free (--verify-cost, --flops)";
    case VerifySource::kRoofline:
      return "of the roofline";
    case VerifySource::kGiven:
      return "given";
    case VerifySource::kMeasured:
      break;
  }
  if (plan.speed_source == SpeedSource::kMeasuredPasses) {
    return "measured with the target's passes";
  }
  return fmt::format("measured with a {} matrix",
                     dtype_name(plan.target.model.dtype));
}

std::string network_text(const RankPlan& ranks) {
  return fmt::format(
      "over {}{}{}", ranks.network, ranks.network_measured ? ", measured" : "",
      ranks.jitter > 0
          ? fmt::format(", computing up to {:.3g} times longer at random",
                        ranks.jitter)
          : "");
}

std::string bottleneck_text(const RankPlan& ranks) {
  if (ranks.one_rank_window == 1) return "";
  if (!ranks.drafting_dominates_from) {
    return fmt::format("the target's pass, however many ranks (k = {})",
                       ranks.one_rank_window);
  }
  return fmt::format(
      "the draft from {} ranks on: longer than the target's pass (k = {})",
      *ranks.drafting_dominates_from, ranks.one_rank_window);
}

}  // namespace pilotfish::cli
