#include "cli/page/line_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "cli/page/axes.h"

namespace pilotfish::cli {
namespace {

constexpr double kLeft = 40;
constexpr double kTop = 32;
constexpr double kBottom = kPlotHeight - 46;
constexpr double kLabelHeight = 16;
constexpr double kCharacterWidth = 6.6;

// Offsets around a point, closed: circle, square, diamond, triangle, and the
// last two upside down and thin.
constexpr std::array<const char*, kPlotStyles> kMarkers = {
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "m-3.6-3.6h7.2v7.2h-7.2z",
    "m0-5l5 5l-5 5l-5-5z",
    "m0-5l4.6 8h-9.2z",
    "m0 5l4.6-8h-9.2z",
    "m-2-5h4v10h-4z"};

struct Scales {
  Scale x;
  Scale y;
};

double label_width(const LinePlot& plot) {
  size_t longest = 0;
  for (const PlotLine& line : plot.lines) {
    longest = std::max(longest, line.name.size());
  }
  const double wanted = kCharacterWidth * static_cast<double>(longest) + 14;
  return longest == 0 ? 10 : std::min(wanted, 0.4 * kPlotWidth);
}

Scales scales_of(const LinePlot& plot) {
  double first = 0;
  double last = 0;
  double largest = std::max(plot.y_bound, plot.reference.value_or(0));
  bool any = false;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& point : line.points) {
      first = any ? std::min(first, point.x) : point.x;
      last = any ? std::max(last, point.x) : point.x;
      largest = std::max({largest, point.y, point.high});
      any = true;
    }
  }
  if (first == last) {
    first -= 1;
    last += 1;
  }
  const double right = kPlotWidth - label_width(plot);
  return {{first, last, kLeft + 14, right - 6},
          {0, nice_bound(largest, 5), kBottom, kTop}};
}

// Where there are points, as long as the labels have room.
std::vector<double> x_ticks(const LinePlot& plot, const Scale& x) {
  std::set<double> values;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& point : line.points) values.insert(point.x);
  }
  if (values.size() <= 10) return {values.begin(), values.end()};
  return nice_ticks(x.from, x.to, 8);
}

std::string place(const Scales& scales, double x, double y) {
  return fmt::format("{:.1f} {:.1f}", scales.x(x), scales.y(y));
}

Markup path(const std::string& css_class, const std::string& data) {
  return element("path", {{"class", css_class}, {"d", data}});
}

Markup band(const PlotLine& line, const Scales& scales) {
  std::string there;
  std::string back;
  for (const PlotPoint& point : line.points) {
    there += (there.empty() ? "M" : "L") + place(scales, point.x, point.high);
    back = "L" + place(scales, point.x, point.low) + back;
  }
  return path("band", there + back + "z");
}

std::string description(const LinePlot& plot, const PlotLine& line,
                        const PlotPoint& point) {
  std::string words =
      fmt::format("{}{} {:g}: {:.2f}", line.name,
                  line.name.empty() ? "at" : ", at", point.x, point.y);
  if (point.high > point.low) {
    words += fmt::format(" ({:.2f} to {:.2f})", point.low, point.high);
  }
  return words + ", " + plot.y_title;
}

Markup markers(const LinePlot& plot, const PlotLine& line,
               const Scales& scales) {
  Markup drawn;
  for (const PlotPoint& point : line.points) {
    drawn += element("path",
                     {{"class", "marker"},
                      {"d", "M" + place(scales, point.x, point.y) +
                                kMarkers[line.style % kPlotStyles]}},
                     element("title", {}, description(plot, line, point)));
  }
  return drawn;
}

Markup drawn_line(const LinePlot& plot, const PlotLine& line,
                  const Scales& scales) {
  std::string data;
  bool spread = false;
  for (const PlotPoint& point : line.points) {
    data += (data.empty() ? "M" : "L") + place(scales, point.x, point.y);
    spread = spread || point.high > point.low;
  }
  Markup drawn;
  if (spread) drawn += band(line, scales);
  drawn += path(line.computed ? "line computed" : "line", data);
  if (!line.computed) drawn += markers(plot, line, scales);
  return element("g", {{"class", fmt::format("s{}", line.style % kPlotStyles)}},
                 drawn);
}

// Names at the ends of their lines, moved apart where they would overlap.
Markup names(const LinePlot& plot, const Scales& scales) {
  std::vector<const PlotLine*> named;
  for (const PlotLine& line : plot.lines) {
    if (!line.name.empty() && !line.points.empty()) named.push_back(&line);
  }
  const auto end = [&](const PlotLine* line) {
    return scales.y(line->points.back().y);
  };
  std::ranges::sort(named, {}, end);
  std::vector<double> places;
  double free = kTop;
  for (const PlotLine* line : named) {
    places.push_back(std::max(free, end(line)));
    free = places.back() + kLabelHeight;
  }
  free = kBottom;
  for (auto it = places.rbegin(); it != places.rend(); ++it) {
    *it = std::min(*it, free);
    free = *it - kLabelHeight;
  }
  Markup drawn;
  for (size_t i = 0; i < named.size(); ++i) {
    drawn += svg_text(scales.x.end + 12, places[i] + 4,
                      fmt::format("name s{}", named[i]->style % kPlotStyles),
                      named[i]->name);
  }
  return drawn;
}

}  // namespace

Markup line_plot(const LinePlot& plot) {
  const Scales scales = scales_of(plot);
  const double right = scales.x.end + 6;
  Markup drawing = y_axis(scales.y, right, plot.y_title);
  for (const double tick : x_ticks(plot, scales.x)) {
    drawing += svg_text(scales.x(tick), kBottom + 18, "tick mid",
                        fmt::format("{:g}", tick));
  }
  drawing += x_title(scales.x, plot.x_title);
  if (plot.reference) {
    const double y = scales.y(*plot.reference);
    drawing += svg_line(kLeft, y, right, y, "reference");
    drawing += svg_text(right, y + 14, "tick end", plot.reference_name);
  }
  for (const PlotLine& line : plot.lines) {
    drawing += drawn_line(plot, line, scales);
  }
  drawing += names(plot, scales);
  return figure(plot.title, plot.note, drawing);
}

}  // namespace pilotfish::cli
