#include "pilotfish/signals.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/mapped_file.h"
#include "base/mapped_ranges.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

TEST(TemporaryPath, IsRemovedUnlessReleased) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "file";
  const fs::path inside = folder.path() / "folder";
  std::ofstream{file};
  {
    const TemporaryPath guard(file);
    const TemporaryPath guard_of_folder(inside);
    EXPECT_EQ(guard.path(), file);
    fs::create_directory(inside);
    std::ofstream{inside / "a"};
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));

  std::ofstream{file};
  {
    TemporaryPath guard(file);
    const TemporaryPath moved = std::move(guard);
    EXPECT_TRUE(fs::exists(file));
  }
  EXPECT_FALSE(fs::exists(file));

  std::ofstream{file};
  {
    TemporaryPath guard(file);
    guard.release();
  }
  EXPECT_TRUE(fs::exists(file));
}

// What became of a process: the signal that ended it, or 1000 + its status.
template <typename Function>
int fate_of(const Function& function) {
  const pid_t child = ::fork();
  if (child == 0) {
    function();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

void use_defaults() {
  for (const int signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU, SIGXFSZ, SIGBUS}) {
    std::signal(signal, SIG_DFL);
  }
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

// Every signal ends the process as it would have, and nothing stays of what it
// was making: files, and a folder with files.
TEST(InstallSignalHandlers, RemoveWhatIsNotFinished) {
  const test::TemporaryFolder folder;
  for (const int signal :
       {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU}) {
    const int fate = fate_of([&] {
      use_defaults();
      install_signal_handlers();
      const TemporaryPath file(folder.path() / "file");
      const TemporaryPath made(folder.path() / "folder");
      TemporaryPath finished(folder.path() / "finished");
      std::ofstream{file.path()} << "x";
      fs::create_directory(made.path());
      for (int i = 0; i < 300; ++i) {
        std::ofstream{made.path() / std::to_string(i)};
      }
      std::ofstream{finished.path()};
      finished.release();
      ::raise(signal);
    });
    EXPECT_EQ(fate, signal);
    EXPECT_TRUE(fs::remove(folder.path() / "finished"));
    EXPECT_TRUE(fs::is_empty(folder.path())) << signal;
  }
}

TEST(InstallSignalHandlers, LeaveIgnoredSignalsIgnored) {
  EXPECT_EQ(fate_of([] {
              use_defaults();
              std::signal(SIGHUP, SIG_IGN);
              install_signal_handlers();
              ::raise(SIGHUP);
              ::raise(SIGXFSZ);
            }),
            1000);
}

// A file that gets shorter while it is mapped: one line, status 1, and nothing
// stays of what was made from it.
TEST(InstallSignalHandlers, TurnATruncatedFileIntoALine) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "model";
  const fs::path line = folder.path() / "line";
  std::ofstream(path) << std::string(100000, 'x');
  const int fate = fate_of([&] {
    use_defaults();
    install_signal_handlers();
    install_signal_handlers();  // twice does no harm
    const MappedFile other = MappedFile::open(path);
    const MappedFile file = MappedFile::open(path);
    const TemporaryPath unfinished(folder.path() / "unfinished");
    std::ofstream{unfinished.path()};
    if (std::freopen(line.c_str(), "w", stderr) == nullptr) ::_exit(9);
    fs::resize_file(path, 10);
    volatile char sink = file.text()[99999];
    static_cast<void>(sink);
  });
  EXPECT_EQ(fate, 1001);
  const std::string text = test::read_file(line);
  EXPECT_NE(text.find(": " + path.string() +
                      ": cannot be read any more: the file was truncated"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_FALSE(fs::exists(folder.path() / "unfinished"));
}

TEST(InstallSignalHandlers, LeaveOtherBusErrorsAlone) {
  EXPECT_EQ(fate_of([] {
              use_defaults();
              install_signal_handlers();
              ::raise(SIGBUS);
            }),
            SIGBUS);
}

TEST(MappedRanges, KnowTheFileOfAnAddress) {
  const std::string bytes(100, 'x');
  EXPECT_EQ(path_of_mapped(bytes.data()), nullptr);
  {
    const MappedRange range(bytes.data() + 10, 20, "one");
    const MappedRange next(bytes.data() + 30, 5, "two");
    EXPECT_EQ(path_of_mapped(bytes.data() + 9), nullptr);
    EXPECT_STREQ(path_of_mapped(bytes.data() + 10), "one");
    EXPECT_STREQ(path_of_mapped(bytes.data() + 29), "one");
    EXPECT_STREQ(path_of_mapped(bytes.data() + 30), "two");
    EXPECT_EQ(path_of_mapped(bytes.data() + 35), nullptr);
  }
  EXPECT_EQ(path_of_mapped(bytes.data() + 10), nullptr);
}

}  // namespace
}  // namespace pilotfish
