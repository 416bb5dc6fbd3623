#ifndef PILOTFISH_CLI_PAGE_BAR_PLOT_H_
#define PILOTFISH_CLI_PAGE_BAR_PLOT_H_

#include <string>
#include <vector>

#include "cli/page/markup.h"

namespace pilotfish::cli {

// Bars side by side, each a stack of parts from below.
struct BarPlot {
  struct Bar {
    std::string name;
    std::vector<double> parts;  // [part_names.size()]
  };
  std::string title;
  std::string note;
  std::string x_title;
  std::string y_title;
  std::vector<std::string> part_names;  // a key where there are several
  std::vector<Bar> bars;
  double y_bound = 0;  // the axis reaches at least so far
};

Markup bar_plot(const BarPlot& plot);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PAGE_BAR_PLOT_H_
