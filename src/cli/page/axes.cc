#include "cli/page/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pilotfish::cli {
namespace {

constexpr int kGridLines = 5;

// 1, 2 or 5 times a power of ten.
double nice_step(double range, int count) {
  const double rough = range / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

std::string number(double value) { return fmt::format("{:.1f}", value); }

}  // namespace

std::vector<double> nice_ticks(double from, double to, int count) {
  const double step = nice_step(to - from, count);
  std::vector<double> ticks;
  for (double i = std::ceil(from / step - 1e-9); i * step <= to + 1e-9 * step;
       ++i) {
    ticks.push_back(i * step + 0.0);  // not "-0"
  }
  return ticks;
}

double nice_bound(double largest, int count) {
  if (!(largest > 0)) return 1;
  const double step = nice_step(largest, count);
  return step * std::ceil(largest / step - 1e-9);
}

std::string tick_label(double value, double step) {
  const int decimals =
      std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

Markup y_axis(const Scale& y, double right, const std::string& title) {
  constexpr double kLeft = 40;
  Markup axis = svg_text(0, 16, "axis", title);
  const std::vector<double> ticks = nice_ticks(y.from, y.to, kGridLines);
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  for (const double tick : ticks) {
    axis +=
        svg_line(kLeft, y(tick), right, y(tick), tick == 0 ? "zero" : "grid");
    axis +=
        svg_text(kLeft - 6, y(tick) + 4, "tick end", tick_label(tick, step));
  }
  return axis;
}

Markup x_title(const Scale& x, const std::string& title) {
  return svg_text((x.start + x.end) / 2, kPlotHeight - 6, "axis mid", title);
}

Markup svg_text(double x, double y, const std::string& css_class,
                std::string_view content) {
  return element("text",
                 {{"x", number(x)}, {"y", number(y)}, {"class", css_class}},
                 content);
}

Markup svg_line(double x1, double y1, double x2, double y2,
                const std::string& css_class) {
  return element("line", {{"x1", number(x1)},
                          {"y1", number(y1)},
                          {"x2", number(x2)},
                          {"y2", number(y2)},
                          {"class", css_class}});
}

Markup figure(const std::string& title, const std::string& note,
              const Markup& drawing) {
  return element(
      "figure", {},
      element("figcaption", {},
              element("strong", {}, title) + text(" ") +
                  element("span", {}, note)) +
          element(
              "svg",
              {{"viewBox", fmt::format("0 0 {} {}", kPlotWidth, kPlotHeight)},
               {"role", "img"},
               {"aria-label",
                title + "; the figures are in the table of this page"}},
              drawing));
}

}  // namespace pilotfish::cli
