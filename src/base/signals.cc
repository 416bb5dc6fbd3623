#include "pilotfish/signals.h"

#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/mapped_ranges.h"
#include "base/temporary_paths.h"

namespace pilotfish {
namespace {

struct sigaction previous_bus_action;

iovec part_of(const char* text) {
  return {const_cast<char*>(text), std::strlen(text)};
}

// The handler is reset before it runs, and its signal blocked meanwhile: raised
// again, it ends the program on return.
void on_deadly_signal(int signal) {
  const int error = errno;
  remove_temporary_paths();
  ::raise(signal);
  errno = error;
}

void on_bus_error(int signal, siginfo_t* info, void*) {
  const char* path = path_of_mapped(info->si_addr);
  if (path == nullptr) {
    ::sigaction(SIGBUS, &previous_bus_action, nullptr);
    // An instruction that faulted runs again; what kill() sent must be raised.
    if (info->si_code <= 0) ::raise(signal);
    return;
  }
  static std::atomic_flag told;
  while (told.test_and_set()) ::pause();  // another thread is about to exit
  const iovec line[] = {
      part_of(program_invocation_short_name), part_of(": "), part_of(path),
      part_of(": cannot be read any more: the file was truncated while it was "
              "in use, or its disk failed; restore it and start again\n")};
  [[maybe_unused]] const auto written =
      ::writev(STDERR_FILENO, line, std::size(line));
  remove_temporary_paths();
  ::_exit(1);
}

struct sigaction current_action(int signal) {
  struct sigaction action = {};
  ::sigaction(signal, nullptr, &action);
  return action;
}

bool is_default(int signal) {
  const struct sigaction action = current_action(signal);
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction deadly = {};
  deadly.sa_handler = on_deadly_signal;
  deadly.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigemptyset(&deadly.sa_mask);
  for (const int signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU}) {
    if (is_default(signal)) ::sigaction(signal, &deadly, nullptr);
  }
  if (is_default(SIGXFSZ)) std::signal(SIGXFSZ, SIG_IGN);

  if (current_action(SIGBUS).sa_sigaction == on_bus_error) return;
  struct sigaction bus = {};
  bus.sa_sigaction = on_bus_error;
  bus.sa_flags = SA_SIGINFO;
  ::sigemptyset(&bus.sa_mask);
  ::sigaction(SIGBUS, &bus, &previous_bus_action);
}

}  // namespace pilotfish
