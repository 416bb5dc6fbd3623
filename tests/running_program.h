#ifndef PILOTFISH_TESTS_RUNNING_PROGRAM_H_
#define PILOTFISH_TESTS_RUNNING_PROGRAM_H_

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "program.h"

namespace pilotfish::test {

// A pilotfish program that runs beside the test, with its output in files.
class RunningProgram {
 public:
  // `prepare` (may be null) is called in the new process.
  explicit RunningProgram(const std::vector<std::string>& arguments,
                          const std::function<void()>& prepare = {})
      : child_(::fork()) {
    if (child_ != 0) return;
    const auto redirect = [&](const char* name, int fd) {
      ::dup2(::open((folder_.path() / name).c_str(), O_WRONLY | O_CREAT, 0600),
             fd);
    };
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    redirect("out", STDOUT_FILENO);
    redirect("err", STDERR_FILENO);
    if (prepare) prepare();
    exec_program(arguments, {});
  }
  ~RunningProgram() {
    if (!ended_) kill(SIGKILL);
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  std::filesystem::path out() const { return folder_.path() / "out"; }
  std::filesystem::path err() const { return folder_.path() / "err"; }

  // False where the program ended, or a minute went by, before it was true.
  bool wait_until(const std::function<bool()>& condition) {
    constexpr int kTries = 6000;
    for (int i = 0; i < kTries; ++i) {
      if (condition()) return true;
      int status = 0;
      if (::waitpid(child_, &status, WNOHANG) == child_) {
        ended_ = true;
        status_ = status;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  ProgramResult wait() {
    if (!ended_) ::waitpid(child_, &status_, 0);
    ended_ = true;
    return {exit_code(status_), read_file(out()),
            read_file(folder_.path() / "err")};
  }

  void signal(int number) const { ::kill(child_, number); }

  ProgramResult kill(int signal) {
    if (!ended_) ::kill(child_, signal);
    return wait();
  }

 private:
  const TemporaryFolder folder_;
  const pid_t child_;
  bool ended_ = false;
  int status_ = 0;
};

inline void limit_resource(int resource, rlim_t value) {
  const rlimit limit = {value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_RUNNING_PROGRAM_H_
