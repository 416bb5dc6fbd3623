#include "cli/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/drafting.h"
#include "cli/report.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

bool same_group(const Comparison& a, const Comparison& b) {
  return a.setting.drafters == b.setting.drafters &&
         a.setting.acceptor == b.setting.acceptor &&
         a.setting.temperature == b.setting.temperature;
}

// All plain runs of a group together: its first line.
std::string plain_line(SettingGroup group) {
  std::vector<double> times;
  for (const Comparison& comparison : group) {
    times.push_back(comparison.plain.seconds_per_token());
  }
  return fmt::format("{:>6} {:>11.2f} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}\n",
                     "plain", 1.0, "", format_seconds(median(times)), "1", "",
                     "1.00x", "");
}

std::string line_of(const Comparison& comparison) {
  const Totals& totals = comparison.speculative;
  return fmt::format(
      "{:>6} {:>11.2f} {:>7.1f} % {:>9} {:>8.2f} {:>8.2f} {:>8.2f}x "
      "{:>8.2f}x\n",
      window_text(comparison.setting.window), totals.tokens_per_pass(),
      100 * totals.acceptance_rate(),
      format_seconds(totals.seconds_per_token()), comparison.verify_cost(),
      comparison.draft_cost(), comparison.speedup(),
      comparison.predicted_speedup());
}

std::string group_table(SettingGroup group, bool colours) {
  const Setting& setting = group.front().setting;
  std::string text = fmt::format("temperature {}, acceptor {}",
                                 setting.temperature, setting.acceptor);
  if (setting.drafters != std::vector{DrafterKind::kModel}) {
    text += ", drafter " + drafters_text(setting.drafters);
  }
  text += "\n";
  text += fmt::format("{:>6} {:>11} {:>9} {:>9} {:>8} {:>8} {:>9} {:>9}\n",
                      "window", "tokens/pass", "accepted", "TPOT", "verify",
                      "draft", "speed-up", "predicted");
  text += plain_line(group);
  const Comparison* best = best_of(group);
  for (const Comparison& comparison : group) {
    const std::string line = line_of(comparison);
    const bool highlight =
        colours && best && best->setting.window == comparison.setting.window;
    text += highlight
                ? "\033[1;32m" + line.substr(0, line.size() - 1) + "\033[0m\n"
                : line;
  }
  return text;
}

Json comparison_json(const Comparison& one, double acceptance) {
  const Totals& totals = one.speculative;
  const Totals::Split split = totals.split();
  Json drafters = Json::array();
  for (const DrafterKind kind : one.setting.drafters) {
    drafters.push_back(drafter_name(kind));
  }
  return {
      {"drafters", std::move(drafters)},
      {"acceptor", one.setting.acceptor},
      {"temperature", one.setting.temperature},
      {"window", one.setting.window == kAutoWindow ? Json("auto")
                                                   : Json(one.setting.window)},
      {"tokens", totals.tokens},
      {"passes", totals.passes},
      {"tokens_per_pass", totals.tokens_per_pass()},
      {"acceptance_rate", totals.acceptance_rate()},
      {"acceptance_per_position", totals.acceptance_by_place()},
      {"plain_seconds_per_token", one.plain.seconds_per_token()},
      {"seconds_per_token", totals.seconds_per_token()},
      {"seconds_per_token_split",
       {{"draft", split.draft},
        {"verify", split.verify},
        {"bookkeeping", split.bookkeeping}}},
      {"verify_seconds_per_pass", median(totals.verify_seconds)},
      {"draft_seconds_per_pass", median(totals.draft_seconds)},
      {"verify_cost", one.verify_cost()},
      {"draft_cost", one.draft_cost()},
      {"speedup", one.speedup()},
      {"speedup_median_of_prompts", median(one.ratios)},
      {"speedup_quartiles_of_prompts",
       {quantile(one.ratios, 0.25), quantile(one.ratios, 0.75)}},
      {"speedup_predicted", one.predicted_speedup()},
      {"acceptance_per_token", acceptance},
      {"speedup_formula", one.setting.window == kAutoWindow
                              ? Json(nullptr)
                              : Json(one.formula_speedup(acceptance))}};
}

}  // namespace

SettingGroup fixed_windows(SettingGroup group) {
  const bool has_auto =
      !group.empty() && group.front().setting.window == kAutoWindow;
  return group.subspan(has_auto ? 1 : 0);
}

std::vector<SettingGroup> setting_groups(
    const std::vector<Comparison>& comparisons) {
  std::vector<SettingGroup> groups;
  for (auto first = comparisons.begin(); first != comparisons.end();) {
    const auto last = std::find_if_not(
        first, comparisons.end(),
        [&](const Comparison& c) { return same_group(*first, c); });
    groups.emplace_back(first, last);
    first = last;
  }
  return groups;
}

double acceptance_per_token(SettingGroup group) {
  std::vector<const Totals*> totals;
  for (const Comparison& one : group) totals.push_back(&one.speculative);
  return acceptance_per_token(totals);
}

std::string sweep_table(const std::vector<Comparison>& comparisons,
                        bool colours) {
  std::string text;
  for (const SettingGroup group : setting_groups(comparisons)) {
    if (!text.empty()) text += "\n";
    text += group_table(group, colours);
  }
  return text;
}

const Comparison* best_of(SettingGroup comparisons) {
  const auto best =
      std::ranges::max_element(comparisons, {}, &Comparison::speedup);
  return best == comparisons.end() || best->speedup() <= 1 ? nullptr : &*best;
}

nlohmann::ordered_json sweep_json(const std::vector<Comparison>& comparisons) {
  Json rows = Json::array();
  for (const SettingGroup group : setting_groups(comparisons)) {
    const double acceptance = acceptance_per_token(group);
    for (const Comparison& one : group) {
      rows.push_back(comparison_json(one, acceptance));
    }
  }
  return rows;
}

}  // namespace pilotfish::cli
