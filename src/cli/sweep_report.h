#ifndef PILOTFISH_CLI_SWEEP_REPORT_H_
#define PILOTFISH_CLI_SWEEP_REPORT_H_

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli/sweep_measure.h"

namespace pilotfish::cli {

// Comparisons that differ by their window alone, in the order measured; one of
// an automatic window comes first.
using SettingGroup = std::span<const Comparison>;
// Those with a place on an axis of windows.
SettingGroup fixed_windows(SettingGroup group);
std::vector<SettingGroup> setting_groups(
    const std::vector<Comparison>& comparisons);
// acceptance_per_token of all of them together.
double acceptance_per_token(SettingGroup group);

// A table for each group, a line for each window; `colours`
// sets off the best of each.
std::string sweep_table(const std::vector<Comparison>& comparisons,
                        bool colours);

// The fastest setting that was measured, or plain decoding where none beat it
// (nullptr).
const Comparison* best_of(SettingGroup comparisons);

nlohmann::ordered_json sweep_json(const std::vector<Comparison>& comparisons);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_REPORT_H_
