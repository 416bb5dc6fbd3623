#include "cli/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/report.h"
#include "cli/report_page.h"
#include "cli/session_facts.h"
#include "pilotfish/spread.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

// All plain runs of a group together: its first line.
std::string plain_line(SweepGroup group) {
  std::vector<double> times;
  for (const SweepComparison& comparison : group) {
    times.push_back(comparison.plain.seconds_per_token());
  }
  return fmt::format("{:>6} {:>11.2f} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}\n",
                     "plain", 1.0, "", format_seconds(median(times)), "1", "",
                     "1.00x", "");
}

std::string line_of(const SweepComparison& comparison) {
  const IterationSummary& summary = comparison.speculative;
  return fmt::format(
      "{:>6} {:>11.2f} {:>7.1f} % {:>9} {:>8.2f} {:>8.2f} {:>8.2f}x "
      "{:>8.2f}x\n",
      window_text(comparison.setting.window), summary.tokens_per_pass(),
      100 * summary.acceptance_rate(),
      format_seconds(summary.seconds_per_token()), comparison.verify_cost(),
      comparison.draft_cost(), comparison.speedup(),
      comparison.predicted_speedup());
}

std::string group_table(SweepGroup group, bool colours) {
  const SweepSetting& setting = group.front().setting;
  std::string text = fmt::format("temperature {}, acceptor {}",
                                 setting.temperature, setting.acceptor);
  if (setting.drafters != std::vector<std::string>{"model"}) {
    text += ", drafter " + drafters_text(setting.drafters);
  }
  text += "\n";
  text += fmt::format("{:>6} {:>11} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}\n",
                      "window", "tokens/pass", "accepted", "TPOT", "verify",
                      "draft", "speed-up", "predicted");
  text += plain_line(group);
  const SweepComparison* best = best_of(group);
  for (const SweepComparison& comparison : group) {
    const std::string line = line_of(comparison);
    const bool highlight =
        colours && best && best->setting.window == comparison.setting.window;
    text += highlight
                ? "\033[1;32m" + line.substr(0, line.size() - 1) + "\033[0m\n"
                : line;
  }
  return text;
}

}  // namespace

std::string sweep_table(const std::vector<SweepComparison>& comparisons,
                        bool colours) {
  std::string text;
  for (const SweepGroup group : sweep_groups(comparisons)) {
    if (!text.empty()) text += "\n";
    text += group_table(group, colours);
  }
  return text;
}

nlohmann::ordered_json sweep_run_json(const SweepRun& run) {
  const Session& session = run.session;
  Json json;
  json["model"] = session.target->path().string();
  json["draft"] =
      session.draft ? Json(session.draft->path().string()) : Json(nullptr);
  json["threads"] = session.threads;
  json["prompts"] = run.prompts;
  json["max_tokens"] = run.max_tokens;
  json.update(pilotfish::sweep_json(run.comparisons));
  json["best"] = run.command;
  return json;
}

std::string sweep_page(const SweepRun& run) {
  return report_page("sweep", {{"models", models_text(run.session)},
                               {"facts", session_facts(run.session)},
                               {"sweep", sweep_run_json(run)}});
}

}  // namespace pilotfish::cli
