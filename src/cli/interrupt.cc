#include "cli/interrupt.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// The flag is a file descriptor and not a variable, because a wait for input
// must see a signal that comes just before it: nothing lies between looking at
// the flag and sleeping when poll() does both.
volatile std::sig_atomic_t event_of_handler = -1;
struct sigaction previous_action;

void on_interrupt(int) {
  const int error = errno;
  const std::uint64_t one = 1;
  // It fails only where the flag has been raised 2^64 - 1 times.
  [[maybe_unused]] const auto written =
      ::write(event_of_handler, &one, sizeof one);
  errno = error;
}

}  // namespace

InterruptFlag::InterruptFlag()
    : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (event_ < 0) {
    throw Error(
        fmt::format("cannot watch for Ctrl-C: {}", std::strerror(errno)));
  }
  event_of_handler = event_;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;  // or text on its way out would be lost
  ::sigaction(SIGINT, &action, &previous_action);
}

InterruptFlag::~InterruptFlag() {
  ::sigaction(SIGINT, &previous_action, nullptr);
  ::close(event_);
}

bool InterruptFlag::raised() const {
  pollfd event = {event_, POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

void InterruptFlag::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(event_, &count, sizeof count);
}

bool InterruptFlag::wait_to_read(int file) const {
  pollfd files[] = {{event_, POLLIN, 0}, {file, POLLIN, 0}};
  while (::poll(files, 2, -1) < 0) {
  }
  return files[0].revents == 0;
}

}  // namespace pilotfish::cli
