#ifndef PILOTFISH_TESTS_TERMINAL_H_
#define PILOTFISH_TESTS_TERMINAL_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "program.h"

namespace pilotfish::test {

// The program at the far end of a terminal of so many columns.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments,
                    unsigned short columns = 80) {
    const winsize size = {
        .ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    child_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (child_ == 0) exec_program(arguments, {{"TERM", "xterm"}});
  }
  ~Terminal() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::close(fd_);
  }

  void type(const std::string& keys) {
    ASSERT_EQ(::write(fd_, keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }

  // Ctrl-C, whatever the terminal makes of the key.
  void interrupt() { ::kill(child_, SIGINT); }

  pid_t process() const { return child_; }
  template <typename Condition>
  void wait_until(const Condition& holds) {
    const auto deadline = Clock::now() + kPatience;
    while (!holds()) {
      ASSERT_LT(Clock::now(), deadline) << screen_;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  // All that was shown so far.
  const std::string& screen() const { return screen_; }

  // Everything shown until `text` appears after what was waited for before.
  std::string wait_for(const std::string& text) {
    const auto deadline = Clock::now() + kPatience;
    while (screen_.find(text, seen_) == std::string::npos) {
      if (!read_screen() || Clock::now() > deadline) {
        ADD_FAILURE() << "never showed \"" << text << "\": " << screen_;
        break;
      }
    }
    const size_t end = screen_.find(text, seen_) + text.size();
    const std::string shown = screen_.substr(seen_, end - seen_);
    seen_ = end;
    return shown;
  }

  // The exit code. What the program still writes is read, or it could not end.
  int wait() {
    const auto deadline = Clock::now() + kPatience;
    int status = 0;
    while (::waitpid(child_, &status, WNOHANG) == 0) {
      if (Clock::now() > deadline) {
        ADD_FAILURE() << "does not end: " << screen_;
        return -1;
      }
      if (!read_screen()) {  // it has closed the terminal: about to end
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    child_ = -1;
    return exit_code(status);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{60};

  // Waits a moment for more to appear. False: nobody writes any more.
  bool read_screen() {
    pollfd ready = {fd_, POLLIN, 0};
    char buffer[4096];
    if (::poll(&ready, 1, 100) <= 0) return true;
    const ssize_t n = ::read(fd_, buffer, sizeof buffer);
    if (n > 0) screen_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }

  int fd_ = -1;
  pid_t child_ = -1;
  std::string screen_;
  size_t seen_ = 0;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_TERMINAL_H_
