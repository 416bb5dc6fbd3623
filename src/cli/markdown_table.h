#ifndef PILOTFISH_CLI_MARKDOWN_TABLE_H_
#define PILOTFISH_CLI_MARKDOWN_TABLE_H_

#include <string>
#include <vector>

namespace pilotfish::cli {

// A Markdown table whose columns stand under each other on a terminal too: the
// first to the left, the others, being numbers, to the right. Every row has as
// many cells as the header.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::vector<std::string> header) { add(header); }

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MARKDOWN_TABLE_H_
