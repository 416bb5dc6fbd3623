#ifndef PILOTFISH_CLI_PAGE_AXES_H_
#define PILOTFISH_CLI_PAGE_AXES_H_

#include <string>
#include <vector>

#include "cli/page/markup.h"

// What line and bar plots share. Lengths are in the units of a drawing of
// kPlotWidth by kPlotHeight, which the page scales.
namespace pilotfish::cli {

inline constexpr double kPlotWidth = 400;
inline constexpr double kPlotHeight = 264;

struct Scale {
  double from = 0;
  double to = 1;
  double start = 0;  // where `from` lies in the drawing
  double end = 1;    // where `to` lies

  double operator()(double value) const {
    return start + (value - from) / (to - from) * (end - start);
  }
};

// Multiples of 1, 2 or 5 times a power of ten, about `count` of them, that lie
// in [from, to]. Requires from < to.
std::vector<double> nice_ticks(double from, double to, int count);
// The smallest such bound that is not below `largest`; 1 for nothing.
double nice_bound(double largest, int count);

// With as many decimals as it takes to tell ticks `step` apart.
std::string tick_label(double value, double step);

// The y axis of a plot that begins at 0: grid, labels, and the title above it.
Markup y_axis(const Scale& y, double right, const std::string& title);
// The title of the x axis, below its middle.
Markup x_title(const Scale& x, const std::string& title);

Markup svg_text(double x, double y, const std::string& css_class,
                std::string_view content);
Markup svg_line(double x1, double y1, double x2, double y2,
                const std::string& css_class);

// A caption over a drawing; `note` says in a line how to read it.
Markup figure(const std::string& title, const std::string& note,
              const Markup& drawing);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_AXES_H_
