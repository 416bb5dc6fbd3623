// Standard output and error that are closed, full, or have lost their reader:
// no command may die of it, nor take it for success.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using ::testing::HasSubstr;

enum class Stream { kFile, kClosed, kFull, kNoReader };

// Puts `stream` in the place of descriptor `fd` of a program to be run.
void become(Stream stream, const std::filesystem::path& file, int fd) {
  if (stream == Stream::kClosed) {
    ::close(fd);
  } else if (stream == Stream::kNoReader) {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(126);
    ::dup2(ends[1], fd);
    ::close(ends[0]);
    ::close(ends[1]);
  } else {
    const char* path = stream == Stream::kFull ? "/dev/full" : file.c_str();
    const int opened = ::open(path, O_WRONLY | O_CREAT, 0600);
    ::dup2(opened, fd);
    ::close(opened);
  }
}

ProgramResult run_with(Stream out, Stream err,
                       const std::vector<std::string>& arguments) {
  const test::TemporaryFolder folder;
  const auto path = [&](const char* name) { return folder.path() / name; };
  for (const char* name : {"out", "err"}) std::ofstream(path(name)).flush();
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
    become(out, path("out"), STDOUT_FILENO);
    become(err, path("err"), STDERR_FILENO);
    test::exec_program(arguments, {});
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {test::exit_code(status), test::read_file(path("out")),
          test::read_file(path("err"))};
}

class StreamsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::write_random_model(folder_->path() / "model", {});
    std::ofstream(folder_->path() / "prompts.jsonl")
        << "{\"prompt\": [1, 2]}\n{\"prompt\": [1, 5]}\n";
  }
  static void TearDownTestSuite() { delete folder_; }
  void SetUp() override {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  }

  static std::string file(const char* name) {
    return (folder_->path() / name).string();
  }

  // Every command that prints, quick to run.
  static std::vector<std::vector<std::string>> commands() {
    const std::string model = file("model");
    return {
        {"--help"},
        {"--version"},
        {"generate", "--help"},
        {"generate", "-m", model, "--tokens", "1 5", "-n", "4"},
        {"generate", "-m", model, "--tokens", "1 5", "-n", "4", "--json"},
        {"generate", "-m", model, "--prompts", file("prompts.jsonl"), "-n", "4",
         "--json"},
        {"generate", "-m", model, "--tokens", "1 5", "-n", "4", "--samples",
         "2", "--temperature", "1"},
        {"score", "-m", model, "--tokens", "1 5 9"},
        {"score", "-m", model, "--tokens", "1 5 9", "--json"},
        {"tokenize", "Once upon a time"},
        {"tokenize", "--json", "Once upon a time"},
        {"inspect", model},
        {"inspect", model, "--json"},
        {"plan", "--target", "llama-2-7b", "--bandwidth", "50"},
        {"plan", "--shapes"},
        {"plan", "--target", "llama-2-7b", "--bandwidth", "50", "--json"},
    };
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

std::string text_of(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + " ";
  return text;
}

TEST_F(StreamsTest, StandardOutputThatTakesNothingIsAnErrorSaidOnce) {
  for (const auto& arguments : commands()) {
    for (const Stream out : {Stream::kFull, Stream::kClosed}) {
      const ProgramResult result = run_with(out, Stream::kFile, arguments);
      EXPECT_EQ(result.exit_code, 1) << text_of(arguments);
      EXPECT_THAT(result.message(), HasSubstr("standard output"))
          << text_of(arguments);
    }
  }
}

TEST_F(StreamsTest, ALostReaderOfStandardOutputEndsWithoutAWord) {
  for (const auto& arguments : commands()) {
    const ProgramResult result =
        run_with(Stream::kNoReader, Stream::kFile, arguments);
    EXPECT_EQ(result.exit_code, 128 + SIGPIPE) << text_of(arguments);
    EXPECT_EQ(result.err, "") << text_of(arguments);
  }
}

TEST_F(StreamsTest, StandardErrorNeverCostsTheText) {
  for (const auto& arguments : commands()) {
    const ProgramResult whole =
        run_with(Stream::kFile, Stream::kFile, arguments);
    ASSERT_EQ(whole.exit_code, 0) << text_of(arguments) << whole.err;
    for (const Stream err :
         {Stream::kClosed, Stream::kFull, Stream::kNoReader}) {
      const ProgramResult result = run_with(Stream::kFile, err, arguments);
      // Whoever closes it wants none of it; else what was lost was wanted.
      const bool lost = err != Stream::kClosed && !whole.err.empty();
      EXPECT_EQ(result.exit_code, lost ? 1 : 0) << text_of(arguments);
      if (text_of(arguments).find("--json") == std::string::npos) {
        EXPECT_EQ(result.out, whole.out) << text_of(arguments);
      } else {
        EXPECT_EQ(std::ranges::count(result.out, '\n'),
                  std::ranges::count(whole.out, '\n'));
      }
    }
  }
}

TEST_F(StreamsTest, MistakesKeepTheirStatusWithoutStandardError) {
  for (const Stream err : {Stream::kClosed, Stream::kFull, Stream::kNoReader}) {
    for (const Stream out : {Stream::kFile, Stream::kClosed}) {
      EXPECT_EQ(run_with(out, err, {}).exit_code, 2);
      EXPECT_EQ(run_with(out, err, {"--wrong"}).exit_code, 2);
      EXPECT_EQ(run_with(out, err, {"generate", "--wrong"}).exit_code, 2);
      EXPECT_EQ(run_with(out, err, {"inspect", file("nothing")}).exit_code, 1);
    }
  }
}

// A file that is written must not be taken for standard error.
TEST_F(StreamsTest, ClosedStreamsLeaveOtherFilesAlone) {
  const std::vector<std::string> arguments = {
      "score", "-m",       file("model"),     "--tokens",
      "1 5 9", "--logits", file("logits.npy")};
  ASSERT_EQ(run_with(Stream::kFile, Stream::kFile, arguments).exit_code, 0);
  const std::string whole = test::read_file(file("logits.npy"));
  std::filesystem::remove(file("logits.npy"));
  run_with(Stream::kClosed, Stream::kClosed, arguments);
  EXPECT_EQ(test::read_file(file("logits.npy")), whole);
}

}  // namespace
}  // namespace pilotfish
