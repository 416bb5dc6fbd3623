#ifndef PILOTFISH_TESTS_PIPE_H_
#define PILOTFISH_TESTS_PIPE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace pilotfish::test {

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends_[0]);
    close_writing_end();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading_end() const { return ends_[0]; }
  int writing_end() const { return ends_[1]; }

  void write(const std::string& text) {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }

  // Writes until a write would wait.
  void fill() {
    pollfd end = {ends_[1], POLLOUT, 0};
    while (::poll(&end, 1, 0) == 1) write(std::string(4096, 'x'));
  }

  bool empty() const {
    pollfd end = {ends_[0], POLLIN, 0};
    return ::poll(&end, 1, 0) == 0;
  }

  void drain() {
    char bytes[4096];
    while (!empty() && ::read(ends_[0], bytes, sizeof bytes) > 0) {
    }
  }

  void close_writing_end() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

// Calls a function from another thread after a while, unless it has gone out of
// scope by then.
class Later {
 public:
  Later(std::chrono::milliseconds delay, std::function<void()> function)
      : thread_([this, delay, function](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          over_.wait_for(lock, stop, delay, [] { return false; });
          if (!stop.stop_requested()) function();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::jthread thread_;  // last: it uses the others, and ends before them
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_PIPE_H_
