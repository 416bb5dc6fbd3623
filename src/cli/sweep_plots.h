#ifndef PILOTFISH_CLI_SWEEP_PLOTS_H_
#define PILOTFISH_CLI_SWEEP_PLOTS_H_

#include <string>
#include <vector>

#include "cli/page/markup.h"
#include "cli/sweep_report.h"

namespace pilotfish::cli {

// A group of settings in a few words: by those of drafter, acceptor and
// temperature in which the groups of `among` differ; empty where in none.
std::string group_name(SettingGroup group,
                       const std::vector<SettingGroup>& among);

// Speed-up, measured against formula, tokens a pass and acceptance by place, a
// line for each group; more groups than lines can be told apart are drawn a
// plot for each temperature, and then for each drafter too. And where the time
// of a token goes, a plot for each group.
Markup sweep_plots(const std::vector<SettingGroup>& groups);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_PLOTS_H_
