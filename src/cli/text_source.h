#ifndef PILOTFISH_CLI_TEXT_SOURCE_H_
#define PILOTFISH_CLI_TEXT_SOURCE_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/flags.h"

namespace pilotfish::cli {

// Where a command takes its text from: its arguments, a file, or else standard
// input.
struct TextSource {
  std::optional<std::string> text;
  std::string file;  // "-": standard input
};

// TEXT, -p TEXT and -f FILE, alike in all commands, of which one may be given.
// `text_help` and `file_help`: what help says of them.
std::vector<Flag> add_text_source(const FlagGroup& group, TextSource& source,
                                  const std::string& text_help,
                                  const std::string& file_help);

// The text as it is. Throws Error for a file that cannot be read.
std::string read_text(const TextSource& source);

// Of `flags` only one may be given.
void exclude_each_other(std::vector<Flag>& flags);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TEXT_SOURCE_H_
