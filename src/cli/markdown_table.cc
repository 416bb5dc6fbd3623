#include "cli/markdown_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace pilotfish::cli {

std::string MarkdownTable::text() const {
  std::vector<size_t> widths(rows_.front().size(), 3);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("| {:<{}} ", rows_[r][i], widths[i])
                     : fmt::format("| {:>{}} ", rows_[r][i], widths[i]);
    }
    text += "|\n";
    if (r > 0) continue;
    for (size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("|-{}-", std::string(widths[i], '-'))
                     : fmt::format("|-{}:", std::string(widths[i], '-'));
    }
    text += "|\n";
  }
  return text;
}

}  // namespace pilotfish::cli
