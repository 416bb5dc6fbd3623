#include "backends/cluster/mpi/lost_ranks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "base/temporary_paths.h"

namespace pilotfish {
namespace {

// All that a signal handler needs is written beforehand.
struct Watched {
  int rank;
  int pid;
  char status_path[32];  // in /proc
  char line[512];        // what is said when it has died
};

constexpr size_t kMostWatched = 1024;
std::array<Watched, kMostWatched> watched;
std::atomic<size_t> watched_count = 0;

// A process that has died and that mpirun has not waited for yet is a zombie.
bool is_zombie(const Watched& process) {
  const int file = ::open(process.status_path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  char text[512];
  const auto size = ::read(file, text, sizeof text - 1);
  ::close(file);
  if (size <= 0) return true;
  text[size] = '\0';
  // "pid (name) state", and a name may hold anything.
  const char* const name_end = std::strrchr(text, ')');
  return name_end != nullptr && std::strncmp(name_end, ") Z", 3) == 0;
}

const Watched* find_dead() {
  const size_t count = watched_count.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    const bool is_gone = ::kill(watched[i].pid, 0) != 0 && errno == ESRCH;
    if (is_gone || is_zombie(watched[i])) return &watched[i];
  }
  return nullptr;
}

// Whoever sets it first names the dead rank.
std::atomic_flag is_named;

void on_terminate(int signal) {
  const int error = errno;
  const Watched* const dead = find_dead();
  if (dead != nullptr) {
    if (is_named.test_and_set()) return;  // and ends the program
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, dead->line, std::strlen(dead->line));
  }
  remove_temporary_paths();
  if (dead != nullptr) ::_exit(1);
  ::signal(signal, SIG_DFL);
  ::raise(signal);  // blocked until this returns
  errno = error;
}

}  // namespace

void watch_process(int rank, int pid, const char* host) {
  const size_t i = watched_count.load(std::memory_order_relaxed);
  if (i == kMostWatched) return;
  Watched& process = watched[i];
  process.rank = rank;
  process.pid = pid;
  const auto path = fmt::format("/proc/{}/stat", pid);
  std::strncpy(process.status_path, path.c_str(),
               sizeof process.status_path - 1);
  const auto line = fmt::format(
      "pilotfish: rank {} on {} has died, process {}; the others end with it\n",
      rank, host, pid);
  std::strncpy(process.line, line.c_str(), sizeof process.line - 1);
  watched_count.store(i + 1, std::memory_order_release);
}

void name_lost_ranks_on_terminate() {
  struct sigaction action = {};
  action.sa_handler = on_terminate;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, nullptr);
}

int find_dead_rank() {
  const Watched* const dead = find_dead();
  if (dead == nullptr) return -1;
  while (is_named.test_and_set()) ::pause();  // the handler is about to exit
  return dead->rank;
}

}  // namespace pilotfish
