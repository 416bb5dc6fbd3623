#include "cli/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

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

// What is left, at the speed so far; empty while it is too early to tell.
std::string time_left(std::chrono::duration<double> spent, double fraction) {
  if (fraction < 0.02 || spent.count() < 3) return "";
  const double left = spent.count() * (1 - fraction) / fraction;
  if (left < 90) return fmt::format(", {:.0f} s left", left);
  return fmt::format(", {:.0f} min left", left / 60);
}

bool stderr_was_closed = false;
bool lost = false;  // something that standard error was to say

bool is_open(int file) { return ::fcntl(file, F_GETFD) != -1; }

// Writes all of `text`. Returns 0, or the error that kept it from that.
int write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd waiting = {file, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// While it lives, this thread's writing to a pipe without a reader fails and
// does not end the program.
class PipeSignalBlock {
 public:
  PipeSignalBlock() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalBlock() {
    const timespec no_time = {};
    while (::sigtimedwait(&pipe_, nullptr, &no_time) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

// mpirun gives the first process a terminal of its own to write to, whatever it
// writes to itself.
bool is_passed_on_to_terminal(int file) {
  if (std::getenv("OMPI_COMM_WORLD_RANK") == nullptr) return true;
  const std::string name = fmt::format("/proc/{}/fd/{}", ::getppid(), file);
  char target[64] = {};
  if (::readlink(name.c_str(), target, sizeof target - 1) < 0) return true;
  const std::string_view device = target;
  return device.starts_with("/dev/pts/") || device.starts_with("/dev/tty");
}

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1 &&
         is_passed_on_to_terminal(STDOUT_FILENO);
}
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

bool stdout_has_colours() {
  const char* refused = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  return stdout_is_terminal() && (refused == nullptr || *refused == '\0') &&
         kind != nullptr && std::string_view(kind) != "dumb";
}

void write_out(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == 0) return;
  throw Error(fmt::format("standard output: cannot be written: {}",
                          std::strerror(error)));
}

void write_error(std::string_view text) {
  const PipeSignalBlock block;
  const int error = write_all(STDERR_FILENO, text);
  if (error != 0 && !stderr_was_closed) lost = true;
}

void print_note(std::string_view text) {
  write_error(fmt::format("{}\n", text));
}

bool error_lost() { return lost; }

void prepare_standard_streams() {
  stderr_was_closed = !is_open(STDERR_FILENO);
  // Opened the wrong way round, each fails when it is used. Descriptors are
  // given out from the smallest, so each gets the number that is free.
  for (const auto& [file, mode] :
       {std::pair{STDIN_FILENO, O_WRONLY}, std::pair{STDOUT_FILENO, O_RDONLY},
        std::pair{STDERR_FILENO, O_RDONLY}}) {
    if (!is_open(file)) ::open("/dev/null", mode);
  }
  // Even where the parent had it ignored.
  std::signal(SIGPIPE, SIG_DFL);
}

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
  if (visible_) write_error("\r\033[K");
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
  write_error(fmt::format(
      "\r\033[K{}",
      progress_line(label_, fraction, time_left(now - start_, fraction),
                    stderr_columns())));
}

}  // namespace pilotfish::cli
