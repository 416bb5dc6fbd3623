#include "cli/page/bar_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "cli/page/axes.h"

namespace pilotfish::cli {
namespace {

constexpr double kLeft = 40;
constexpr double kRight = kPlotWidth - 8;
constexpr double kBottom = kPlotHeight - 46;
constexpr double kCharacterWidth = 6.6;
constexpr size_t kMostTotals = 12;  // above bars, before they touch

double total(const BarPlot::Bar& bar) {
  return std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0);
}

Markup key(const BarPlot& plot) {
  Markup drawn;
  double x = 0;
  for (size_t i = 0; i < plot.part_names.size(); ++i) {
    const std::string& name = plot.part_names[i];
    drawn += element("rect", {{"x", fmt::format("{:.1f}", x)},
                              {"y", "24"},
                              {"width", "11"},
                              {"height", "11"},
                              {"class", fmt::format("part{}", i)}});
    drawn += svg_text(x + 16, 34, "tick", name);
    x += 34 + kCharacterWidth * static_cast<double>(name.size());
  }
  return drawn;
}

Markup stack(const BarPlot& plot, const BarPlot::Bar& bar, const Scale& y,
             double left, double width) {
  Markup drawn;
  double sum = 0;
  for (size_t i = 0; i < bar.parts.size(); ++i) {
    const double top = y(sum + bar.parts[i]);
    drawn += element(
        "rect",
        {{"x", fmt::format("{:.1f}", left)},
         {"y", fmt::format("{:.1f}", top)},
         {"width", fmt::format("{:.1f}", width)},
         {"height", fmt::format("{:.1f}", y(sum) - top)},
         {"class", fmt::format("part{}", i)}},
        element(
            "title", {},
            fmt::format("{}{}{}: {:.3g}, {}", bar.name,
                        i < plot.part_names.size() ? ", " : "",
                        i < plot.part_names.size() ? plot.part_names[i] : "",
                        bar.parts[i], plot.y_title)));
    sum += bar.parts[i];
  }
  return drawn;
}

}  // namespace

Markup bar_plot(const BarPlot& plot) {
  const bool has_key = plot.part_names.size() > 1;
  double largest = plot.y_bound;
  for (const BarPlot::Bar& bar : plot.bars) {
    largest = std::max(largest, total(bar));
  }
  const Scale x{0, static_cast<double>(std::max<size_t>(plot.bars.size(), 1)),
                kLeft, kRight};
  const Scale y{0, nice_bound(largest, 5), kBottom, has_key ? 54.0 : 38.0};
  Markup drawing = y_axis(y, kRight, plot.y_title);
  if (has_key) drawing += key(plot);
  const double room = x(1) - x(0);
  const double width = std::min(0.7 * room, 40.0);
  const size_t every = 1 + plot.bars.size() / 17;  // names, before they touch
  for (size_t i = 0; i < plot.bars.size(); ++i) {
    const BarPlot::Bar& bar = plot.bars[i];
    const double middle = x(static_cast<double>(i) + 0.5);
    drawing += stack(plot, bar, y, middle - width / 2, width);
    if (i % every == 0) {
      drawing += svg_text(middle, kBottom + 18, "tick mid", bar.name);
    }
    if (plot.bars.size() <= kMostTotals) {
      drawing += svg_text(middle, y(total(bar)) - 5, "tick mid",
                          fmt::format("{:.3g}", total(bar)));
    }
  }
  drawing += x_title(x, plot.x_title);
  return figure(plot.title, plot.note, drawing);
}

}  // namespace pilotfish::cli
