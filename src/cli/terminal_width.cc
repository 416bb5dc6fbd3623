#include "cli/terminal_width.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace pilotfish::cli {
namespace {

constexpr int kDefault = 80;

int columns_of(int file) {
  winsize size = {};
  const bool known = ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kDefault;
}

// In characters of UTF-8.
int length(std::string_view text) {
  return static_cast<int>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string bar(double fraction, int width) {
  const int filled = static_cast<int>(width * fraction);
  return fmt::format(" [{:=<{}}{: <{}}]", "", filled, "", width - filled);
}

}  // namespace

int stdout_columns() { return columns_of(STDOUT_FILENO); }
int stderr_columns() { return columns_of(STDERR_FILENO); }

std::string wrapped(std::string_view text, int columns) {
  const int most = std::min(columns, kDefault);
  std::string lines;
  int used = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (used > 0 && used + 1 + length(word) > most) {
      lines += "\n";
      used = 0;
    }
    if (used > 0) lines += " ";
    lines += word;
    used += length(word) + (used > 0 ? 1 : 0);
    if (end == text.size()) break;
    if (text[end] == '\n') {
      lines += "\n";
      used = 0;
    }
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string progress_line(std::string_view label, double fraction,
                          std::string_view left, int columns) {
  constexpr int kWidest = 24;
  constexpr int kNarrowest = 6;
  constexpr int kFrame = 3;  // of a bar: " [" and "]"
  fraction = std::clamp(fraction, 0.0, 1.0);
  const std::string percent = fmt::format(" {:3.0f} %", 100 * fraction);
  // A cursor behind the last column is on the next line in some terminals.
  const int room = columns - 1 - length(percent);
  if (length(label) > room) {
    const auto shown = static_cast<size_t>(std::max(room - 1, 0));
    return fmt::format("{}…{}", label.substr(0, shown), percent);
  }
  const int rest = room - length(label) - kFrame;
  std::string_view time = left;
  if (rest - length(time) < kNarrowest) time = "";
  const int width = std::min(rest - length(time), kWidest);
  return fmt::format("{}{}{}{}", label,
                     width < kNarrowest ? "" : bar(fraction, width), percent,
                     time);
}

}  // namespace pilotfish::cli
