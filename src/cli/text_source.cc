#include "cli/text_source.h"

#include "cli/terminal.h"

namespace pilotfish::cli {

std::vector<Flag> add_text_source(const FlagGroup& group, TextSource& source,
                                  const std::string& text_help,
                                  const std::string& file_help) {
  std::vector<Flag> flags = {
      group.add_positional("text", source.text, text_help),
      group.add("-p,--prompt,--text", source.text, "TEXT", "The same"),
      group.add("-f,--file", source.file, "FILE", file_help)};
  flags[0].may_be_empty().has_escapes();
  flags[1].may_be_empty().has_escapes();
  exclude_each_other(flags);
  return flags;
}

std::string read_text(const TextSource& source) {
  if (source.text) return *source.text;
  return source.file.empty() || source.file == "-" ? read_stdin()
                                                   : read_file(source.file);
}

void exclude_each_other(std::vector<Flag>& flags) {
  for (size_t i = 0; i < flags.size(); ++i) {
    for (size_t j = 0; j < i; ++j) flags[i].excludes(flags[j]);
  }
}

}  // namespace pilotfish::cli
