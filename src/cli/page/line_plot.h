#ifndef PILOTFISH_CLI_PAGE_LINE_PLOT_H_
#define PILOTFISH_CLI_PAGE_LINE_PLOT_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/page/markup.h"

namespace pilotfish::cli {

struct PlotPoint {
  double x = 0;
  double y = 0;
  // The spread around y, drawn as a band.
  double low = 0;
  double high = 0;
};

struct PlotLine {
  std::string name;  // stands at its end; may be empty
  std::vector<PlotPoint> points;
  size_t style = 0;  // colour and marker; lines that belong together share it
  bool computed = false;  // dashed and without markers: not measured
};

// y begins at 0.
struct LinePlot {
  std::string title;
  std::string note;
  std::string x_title;
  std::string y_title;
  std::vector<PlotLine> lines;
  std::optional<double> reference;  // a level to compare with
  std::string reference_name;
  double y_bound = 0;  // the axis reaches at least so far
};

// How many styles can be told apart.
inline constexpr size_t kPlotStyles = 6;

Markup line_plot(const LinePlot& plot);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_LINE_PLOT_H_
