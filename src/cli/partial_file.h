#ifndef PILOTFISH_CLI_PARTIAL_FILE_H_
#define PILOTFISH_CLI_PARTIAL_FILE_H_

#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pilotfish/signals.h"

namespace pilotfish::cli {

// A file that appears under its name when it is complete; until then, and for
// good if it never is, be it for a signal, nothing changes there. What is no
// plain file, a pipe, /dev/stdout or a link, is written to as it is.
class PartialFile {
 public:
  // These throw Error where the file cannot be written.
  explicit PartialFile(std::string path);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();

 private:
  [[noreturn]] void fail() const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string path_;
  std::optional<TemporaryPath> temporary_;  // none: written to as it is
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PARTIAL_FILE_H_
