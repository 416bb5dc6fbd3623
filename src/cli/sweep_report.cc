#include "cli/sweep_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/report.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0
                    : static_cast<double>(part) / static_cast<double>(whole);
}

std::vector<double> acceptance_by_place(const Totals& totals) {
  std::vector<double> rates;
  for (size_t i = 0; i < totals.offered_at.size(); ++i) {
    rates.push_back(share(totals.accepted_at[i], totals.offered_at[i]));
  }
  return rates;
}

bool same_group(const Comparison& a, const Comparison& b) {
  return a.setting.acceptor == b.setting.acceptor &&
         a.setting.temperature == b.setting.temperature;
}

// All plain runs of a group together: its first line.
std::string plain_line(const std::vector<Comparison>& group) {
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
      100 * share(totals.accepted, totals.drafted),
      format_seconds(totals.seconds_per_token()), comparison.verify_cost(),
      comparison.draft_cost(), comparison.speedup(),
      comparison.predicted_speedup());
}

std::string group_table(const std::vector<Comparison>& group, bool colours) {
  const Setting& setting = group.front().setting;
  std::string text = fmt::format("temperature {}, acceptor {}\n",
                                 setting.temperature, setting.acceptor);
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

}  // namespace

std::string sweep_table(const std::vector<Comparison>& comparisons,
                        bool colours) {
  std::string text;
  for (auto first = comparisons.begin(); first != comparisons.end();) {
    const auto last = std::find_if_not(
        first, comparisons.end(),
        [&](const Comparison& c) { return same_group(*first, c); });
    if (!text.empty()) text += "\n";
    text += group_table({first, last}, colours);
    first = last;
  }
  return text;
}

const Comparison* best_of(const std::vector<Comparison>& comparisons) {
  const auto best =
      std::max_element(comparisons.begin(), comparisons.end(),
                       [](const Comparison& a, const Comparison& b) {
                         return a.speedup() < b.speedup();
                       });
  return best == comparisons.end() || best->speedup() <= 1 ? nullptr : &*best;
}

nlohmann::ordered_json sweep_json(const std::vector<Comparison>& comparisons) {
  Json rows = Json::array();
  for (const Comparison& comparison : comparisons) {
    const Totals& totals = comparison.speculative;
    const std::int64_t window = comparison.setting.window;
    rows.push_back(
        {{"acceptor", comparison.setting.acceptor},
         {"temperature", comparison.setting.temperature},
         {"window", window == kAutoWindow ? Json("auto") : Json(window)},
         {"tokens", totals.tokens},
         {"passes", totals.passes},
         {"tokens_per_pass", totals.tokens_per_pass()},
         {"acceptance_rate", share(totals.accepted, totals.drafted)},
         {"acceptance_per_position", acceptance_by_place(totals)},
         {"plain_seconds_per_token", comparison.plain.seconds_per_token()},
         {"seconds_per_token", totals.seconds_per_token()},
         {"verify_seconds_per_pass", median(totals.verify_seconds)},
         {"draft_seconds_per_pass", median(totals.draft_seconds)},
         {"verify_cost", comparison.verify_cost()},
         {"draft_cost", comparison.draft_cost()},
         {"speedup", comparison.speedup()},
         {"speedup_median_of_prompts", median(comparison.ratios)},
         {"speedup_predicted", comparison.predicted_speedup()}});
  }
  return rows;
}

}  // namespace pilotfish::cli
