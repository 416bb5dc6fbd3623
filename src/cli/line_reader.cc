#include "cli/line_reader.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace pilotfish::cli {

LineReader::LineReader(InterruptFlag& interrupt, int file)
    : interrupt_(interrupt), file_(file), is_terminal_(::isatty(file) == 1) {}

std::optional<std::string> LineReader::read() {
  std::string text;
  bool warned = false;
  show("> ");
  while (true) {
    if (const auto line = take_line()) {
      text += *line;
      if (!text.ends_with('\\')) return text;
      text.back() = '\n';
      show(". ");
    } else if (!interrupt_.wait_to_read(file_)) {
      interrupt_.clear();
      if (std::exchange(warned, true)) return std::nullopt;
      text.clear();
      read_ahead_.clear();
      fmt::print(stderr, "\n(Ctrl-C again to leave)\n> ");
    } else if (!read_more()) {
      text += std::exchange(read_ahead_, {});
      if (text.empty()) return std::nullopt;
      return text;
    }
  }
}

void LineReader::show(const char* sign) const {
  if (is_terminal_) fmt::print(stderr, "{}", sign);
}

std::optional<std::string> LineReader::take_line() {
  const size_t end = read_ahead_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  const std::string line = read_ahead_.substr(0, end);
  read_ahead_.erase(0, end + 1);
  return line;
}

// False at the end of the input.
bool LineReader::read_more() {
  char bytes[4096];
  const ssize_t n = ::read(file_, bytes, sizeof bytes);
  if (n > 0) read_ahead_.append(bytes, static_cast<size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace pilotfish::cli
