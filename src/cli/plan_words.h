#ifndef PILOTFISH_CLI_PLAN_WORDS_H_
#define PILOTFISH_CLI_PLAN_WORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/lab/planner.h"

// What the reports on plans have in common: figures as text, and the facts that
// they print.
namespace pilotfish::cli {

// "q4_k_m", or the name of the type.
std::string storage_name(const PlannedModel& model);
// In thousands, as memory and bandwidth are sold.
std::string decimal_bytes(std::int64_t bytes);
std::string milliseconds(double seconds);
std::string rate(double tokens_per_second);

// The plan's own acceptance among those that are always of interest.
std::vector<double> acceptances(const Plan& plan);

// The window that pays at the lowest acceptance.
struct BreakEven {
  std::int64_t window;
  double acceptance;
};
std::optional<BreakEven> lowest_break_even(const SpeculationCosts& costs);

// Where the times of passes come from, and more of it for a second line.
struct SpeedText {
  std::string source;
  std::string note;
};
SpeedText speed_text(const Plan& plan);
std::string verify_text(const Plan& plan);  // where v(k) comes from

// "over 100gbe"
std::string network_text(const RankPlan& ranks);
// From how many ranks on the draft takes longer than the target; empty where
// there is no window to say it of.
std::string bottleneck_text(const RankPlan& ranks);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PLAN_WORDS_H_
