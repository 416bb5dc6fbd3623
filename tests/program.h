#ifndef PILOTFISH_TESTS_PROGRAM_H_
#define PILOTFISH_TESTS_PROGRAM_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "test_data.h"

// Runs the pilotfish program as a user's shell would.
namespace pilotfish::test {

struct ProgramResult {
  int exit_code = 0;  // 128 + the signal that ended it
  std::string out;
  std::string err;

  // Standard error's one line, of a program that failed.
  std::string message() const {
    EXPECT_TRUE(err.starts_with("pilotfish: ")) << err;
    EXPECT_EQ(err.find('\n'), err.size() - 1) << err;
    return err;
  }
};

struct ProgramInput {
  std::string in;
  std::map<std::string, std::string> environment = {};
  // Called in the new process, before it becomes the program.
  std::function<void()> before = {};
};

inline void exec_program(
    const std::vector<std::string>& arguments,
    const std::map<std::string, std::string>& environment) {
  for (const auto& [name, value] : environment) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  std::vector<char*> argv;
  std::string program = PILOTFISH_PROGRAM;
  argv.push_back(program.data());
  std::vector<std::string> copies = arguments;
  for (std::string& copy : copies) argv.push_back(copy.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  ::_exit(127);
}

inline int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline ProgramResult run_program(const std::vector<std::string>& arguments,
                                 const ProgramInput& input = {}) {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path() / name; };
  std::ofstream(path("in"), std::ios::binary) << input.in;

  const pid_t child = ::fork();
  if (child == 0) {
    const auto redirect = [&](const char* name, int flags, int fd) {
      ::dup2(::open(path(name).c_str(), flags, 0600), fd);
    };
    redirect("in", O_RDONLY, STDIN_FILENO);
    redirect("out", O_WRONLY | O_CREAT, STDOUT_FILENO);
    redirect("err", O_WRONLY | O_CREAT, STDERR_FILENO);
    if (input.before) input.before();
    exec_program(arguments, input.environment);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {exit_code(status), read_file(path("out")), read_file(path("err"))};
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_PROGRAM_H_
