#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/terminal_width.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::string read_all(std::FILE* file, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, file)) {
    text.append(buffer, n);
  }
  if (std::ferror(file)) {
    throw Error(
        fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
  }
  return text;
}

// Once there is something to go by; as if what is left went as fast.
std::string time_left(std::chrono::duration<double> spent, double fraction) {
  if (fraction < 0.02 || spent.count() < 3) return "";
  const double left = spent.count() * (1 - fraction) / fraction;
  if (left < 90) return fmt::format(", {:.0f} s left", left);
  return fmt::format(", {:.0f} min left", left / 60);
}

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

bool stdout_has_colours() {
  const char* refused = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  return stdout_is_terminal() && (refused == nullptr || *refused == '\0') &&
         kind != nullptr && std::string_view(kind) != "dumb";
}

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0) {
    throw Error(fmt::format("standard output: cannot be written: {}",
                            std::strerror(errno)));
  }
}

void print_note(std::string_view text) { fmt::print(stderr, "{}\n", text); }

std::string read_stdin() { return read_all(stdin, "standard input"); }

std::string read_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) {
    throw Error(
        fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  }
  return read_all(file.get(), path);
}

Progress::Progress(std::string label)
    : label_(std::move(label)), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (visible_) fmt::print(stderr, "\r\033[K");
}

void Progress::update(double fraction) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < milliseconds(1000) || now - drawn_ < milliseconds(100) ||
      !stderr_is_terminal()) {
    return;
  }
  drawn_ = now;
  visible_ = true;
  fmt::print(stderr, "\r\033[K{}",
             progress_line(label_, fraction, time_left(now - start_, fraction),
                           stderr_columns()));
  std::fflush(stderr);
}

}  // namespace pilotfish::cli
