#include "cli/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "cli/terminal.h"

namespace pilotfish::cli {

LineReader::LineReader(InterruptFlag& interrupt, int file)
    : interrupt_(interrupt), file_(file), is_terminal_(::isatty(file) == 1) {
  if (file == STDIN_FILENO && LineEditor::possible()) {
    editor_.emplace(interrupt);
  }
}

std::optional<std::string> LineReader::read() {
  std::string text;
  std::string line;
  bool warned = false;
  const char* sign = "> ";
  while (true) {
    switch (read_line(sign, line)) {
      case Ending::kLine:
        text += line;
        if (!text.ends_with('\\')) return text;
        text.back() = '\n';
        sign = ". ";
        break;
      case Ending::kInterrupt:
        interrupt_.clear();
        if (std::exchange(warned, true)) return std::nullopt;
        text.clear();
        sign = "> ";
        write_error("\n(Ctrl-C again to leave)\n");
        break;
      case Ending::kEndOfInput:
        text += line;
        if (text.empty()) return std::nullopt;
        return text;
    }
  }
}

// At the end of the input, `line` is what came without a line break.
LineReader::Ending LineReader::read_line(const char* sign, std::string& line) {
  line.clear();
  if (!editor_) return read_unedited(sign, line);
  const Ending ending = editor_->read(sign, line);
  if (ending == Ending::kLine && !line.empty()) editor_->remember(line);
  return ending;
}

LineReader::Ending LineReader::read_unedited(const char* sign,
                                             std::string& line) {
  if (is_terminal_) write_error(sign);
  while (!take_line(line)) {
    if (!interrupt_.wait_to_read(file_)) {
      read_ahead_.clear();
      searched_ = 0;
      return Ending::kInterrupt;
    }
    if (!read_more()) {
      line = std::exchange(read_ahead_, {});
      searched_ = 0;
      return Ending::kEndOfInput;
    }
  }
  return Ending::kLine;
}

bool LineReader::take_line(std::string& line) {
  const size_t end = read_ahead_.find('\n', searched_);
  searched_ = end == std::string::npos ? read_ahead_.size() : 0;
  if (end == std::string::npos) return false;
  line = read_ahead_.substr(0, end);
  read_ahead_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

// False at the end of the input.
bool LineReader::read_more() {
  char bytes[4096];
  const ssize_t n = ::read(file_, bytes, sizeof bytes);
  if (n > 0) read_ahead_.append(bytes, static_cast<size_t>(n));
  return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace pilotfish::cli
