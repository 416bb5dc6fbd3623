#include "cli/sweep_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "cli/drafting.h"
#include "cli/page/bar_plot.h"
#include "cli/page/line_plot.h"
#include "cli/report.h"
#include "pilotfish/speedup.h"

namespace pilotfish::cli {
namespace {

using Groups = std::vector<SettingGroup>;
using Panels = std::vector<Groups>;

const Setting& setting_of(SettingGroup group) { return group.front().setting; }

template <class Of>
bool differ(const Groups& groups, Of of) {
  return std::ranges::any_of(groups, [&](SettingGroup group) {
    return of(setting_of(group)) != of(setting_of(groups.front()));
  });
}

// In what the groups differ.
struct Differences {
  bool drafters;
  bool acceptor;
  bool temperature;
};
Differences differences(const Groups& groups) {
  return {differ(groups, std::mem_fn(&Setting::drafters)),
          differ(groups, std::mem_fn(&Setting::acceptor)),
          differ(groups, std::mem_fn(&Setting::temperature))};
}

std::string name_by(const Setting& setting, const Differences& by) {
  std::string name;
  const auto add = [&](bool wanted, const std::string& part) {
    if (wanted) name += (name.empty() ? "" : ", ") + part;
  };
  add(by.drafters, drafters_text(setting.drafters));
  add(by.acceptor, setting.acceptor);
  add(by.temperature, fmt::format("T = {}", setting.temperature));
  return name;
}

template <class Of>
Panels split_by(const Groups& groups, Of of) {
  std::map<decltype(of(setting_of(groups.front()))), Groups> panels;
  for (const SettingGroup group : groups) {
    panels[of(setting_of(group))].push_back(group);
  }
  Panels split;
  for (auto& [key, panel] : panels) split.push_back(std::move(panel));
  return split;
}

bool too_many(const Panels& panels) {
  return std::ranges::any_of(
      panels, [](const Groups& panel) { return panel.size() > kPlotStyles; });
}

Panels panels_of(const Groups& groups) {
  if (groups.empty()) return {};
  Panels panels = {groups};
  if (too_many(panels)) {
    panels = split_by(groups, [](const Setting& s) { return s.temperature; });
  }
  if (too_many(panels)) {
    panels = split_by(groups, [](const Setting& s) {
      return std::pair(s.temperature, s.drafters);
    });
  }
  return panels;
}

// What a panel's groups share and those of others do not.
std::string panel_name(const Groups& panel, const Groups& all) {
  Differences by = differences(all);
  const Differences inside = differences(panel);
  by.drafters &= !inside.drafters;
  by.acceptor &= !inside.acceptor;
  by.temperature &= !inside.temperature;
  return name_by(setting_of(panel.front()), by);
}

std::string in_brackets(const std::string& name) {
  return name.empty() ? "" : " (" + name + ")";
}

// A line for each group of a panel through what `y` says of each window.
template <class Y>
std::vector<PlotLine> lines(const Groups& panel, Y y) {
  std::vector<PlotLine> all;
  for (const SettingGroup group : panel) {
    PlotLine line{group_name(group, panel), {}, all.size()};
    for (const Comparison& one : fixed_windows(group)) {
      PlotPoint point = y(one);
      point.x = static_cast<double>(one.setting.window);
      line.points.push_back(point);
    }
    std::ranges::sort(line.points, {}, &PlotPoint::x);
    all.push_back(std::move(line));
  }
  return all;
}

PlotPoint without_spread(double y) { return {0, y, y, y}; }

// The same by the formula, dashed, in the style of its group.
template <class Y>
void add_computed(LinePlot& plot, const Groups& panel, Y y) {
  for (size_t i = 0; i < panel.size(); ++i) {
    const double acceptance = acceptance_per_token(panel[i]);
    PlotLine line = lines({panel[i]}, [&](const Comparison& one) {
                      return without_spread(y(one, acceptance));
                    }).front();
    line.style = i;
    line.computed = true;
    plot.lines.push_back(std::move(line));
  }
}

constexpr const char* kWindow = "window k (tokens)";

LinePlot speedup_plot(const Groups& panel) {
  LinePlot plot;
  plot.title = "Speed-up";
  plot.note = "Band: the middle half of the prompts.";
  plot.x_title = kWindow;
  plot.y_title = "times plain decoding";
  plot.reference = 1;
  plot.reference_name = "plain decoding";
  plot.lines = lines(panel, [](const Comparison& one) {
    return PlotPoint{0, one.speedup(), quantile(one.ratios, 0.25),
                     quantile(one.ratios, 0.75)};
  });
  return plot;
}

LinePlot formula_plot(const Groups& panel) {
  LinePlot plot;
  plot.title = "Measured against the formula";
  plot.note =
      "Dashed: (1 − αᵏ) / (1 − α) tokens over v(k) + c (k − 1), with one α a "
      "line.";
  plot.x_title = kWindow;
  plot.y_title = "times plain decoding";
  plot.reference = 1;
  plot.reference_name = "plain decoding";
  plot.lines = lines(panel, [](const Comparison& one) {
    return without_spread(one.speedup());
  });
  add_computed(plot, panel, [](const Comparison& one, double acceptance) {
    return one.formula_speedup(acceptance);
  });
  return plot;
}

LinePlot tokens_plot(const Groups& panel) {
  LinePlot plot;
  plot.title = "Tokens a pass";
  plot.note = "Dashed: (1 − αᵏ) / (1 − α).";
  plot.x_title = kWindow;
  plot.y_title = "tokens a target pass yields";
  plot.lines = lines(panel, [](const Comparison& one) {
    return without_spread(one.speculative.tokens_per_pass());
  });
  add_computed(plot, panel, [](const Comparison& one, double acceptance) {
    return expected_tokens(acceptance, one.setting.window);
  });
  return plot;
}

// At the largest window, which has all places; an automatic one where there is
// no other.
LinePlot acceptance_plot(const Groups& panel) {
  LinePlot plot;
  plot.title = "Acceptance by place";
  plot.x_title = "place in the draft";
  plot.y_title = "% of those drafted there";
  plot.y_bound = 100;
  for (const SettingGroup group : panel) {
    const Comparison& largest = *std::ranges::max_element(
        group, {}, [](const Comparison& one) { return one.setting.window; });
    plot.note = largest.setting.window == kAutoWindow
                    ? "With automatic windows."
                    : fmt::format("In windows of {}.", largest.setting.window);
    PlotLine line{group_name(group, panel), {}, plot.lines.size()};
    for (const double rate : largest.speculative.acceptance_by_place()) {
      const double percent = 100 * rate;
      line.points.push_back({static_cast<double>(line.points.size() + 1),
                             percent, percent, percent});
    }
    plot.lines.push_back(std::move(line));
  }
  return plot;
}

BarPlot::Bar time_bar(const std::string& name, const Totals::Split& split) {
  constexpr double kMilliseconds = 1e3;
  return {name,
          {kMilliseconds * split.verify, kMilliseconds * split.draft,
           kMilliseconds * std::max(split.bookkeeping, 0.0)}};
}

// The plain runs of all windows as one.
Totals::Split plain_split(SettingGroup group) {
  Totals all;
  for (const Comparison& one : group) {
    const Totals& plain = one.plain;
    all.tokens += plain.tokens;
    all.seconds += plain.seconds;
    all.draft_seconds.insert(all.draft_seconds.end(),
                             plain.draft_seconds.begin(),
                             plain.draft_seconds.end());
    all.verify_seconds.insert(all.verify_seconds.end(),
                              plain.verify_seconds.begin(),
                              plain.verify_seconds.end());
  }
  return all.split();
}

BarPlot time_plot(SettingGroup group) {
  BarPlot plot;
  plot.title = "Where the time goes";
  plot.note = "Means; the parts add up to TPOT.";
  plot.x_title = kWindow;
  plot.y_title = "ms a token";
  plot.part_names = {"verify", "draft", "sampling and bookkeeping"};
  plot.bars.push_back(time_bar("plain", plain_split(group)));
  for (const Comparison& one : group) {
    plot.bars.push_back(
        time_bar(window_text(one.setting.window), one.speculative.split()));
  }
  return plot;
}

}  // namespace

std::string group_name(SettingGroup group, const Groups& among) {
  return name_by(setting_of(group), differences(among));
}

Markup sweep_plots(const Groups& groups) {
  const Panels panels = panels_of(groups);
  const bool has_axis = !fixed_windows(groups.front()).empty();
  Markup plots;
  for (const auto make :
       {speedup_plot, formula_plot, tokens_plot, acceptance_plot}) {
    if (!has_axis && make != acceptance_plot) continue;
    for (const Groups& panel : panels) {
      LinePlot plot = make(panel);
      plot.title += in_brackets(panel_name(panel, groups));
      plots += line_plot(plot);
    }
  }
  for (const SettingGroup group : groups) {
    BarPlot plot = time_plot(group);
    plot.title += in_brackets(group_name(group, groups));
    plots += bar_plot(plot);
  }
  return element("div", {{"class", "plots"}}, plots);
}

}  // namespace pilotfish::cli
