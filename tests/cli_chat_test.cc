// Conversations with stories260K and a template of the test's own, through
// pipes and on a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>

#include <chrono>
#include <thread>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;

class ChatTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_DATA("models/stories260K");
    template_ = (folder_.path() / "template.jinja").string();
    std::ofstream(template_)
        << "{{ bos_token }}{% for m in messages %}{{ m.content }} "
           "{% endfor %}";
  }

  std::vector<std::string> arguments(std::vector<std::string> more) const {
    std::vector<std::string> all = {
        "chat",       "-m",      test::data_path("models/stories260K").string(),
        "--template", template_, "-t",
        "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  test::TemporaryFolder folder_;
  std::string template_;
};

TEST_F(ChatTest, AnswersEachLineAndKeepsTheHistory) {
  const ProgramResult result =
      run_program(arguments({"-n", "10"}),
                  {.in = "Once upon a time\nTom\n/reset\nOnce upon a time\n"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  std::istringstream lines(result.out);
  std::string first, second, third;
  ASSERT_TRUE(std::getline(lines, first) && std::getline(lines, second) &&
              std::getline(lines, third));
  EXPECT_EQ(first, third);  // the conversation was forgotten in between

  // The second answer follows the whole conversation.
  const ProgramResult whole = run_program(
      {"generate", "-m", test::data_path("models/stories260K").string(), "-p",
       "Once upon a time " + first + " Tom ", "-n", "10", "-t", "1"});
  EXPECT_EQ(second, whole.out);
}

TEST_F(ChatTest, ObeysCommands) {
  const ProgramResult result = run_program(
      arguments({"-n", "5"}),
      {.in = "/help\n/stats\n/system Once upon\na time\n/stats\n/wrong\n"
             "/quit\nnot answered\n"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("/reset"));
  EXPECT_THAT(result.err, HasSubstr("no answer yet"));
  EXPECT_THAT(result.err, HasSubstr("tokens/s"));
  EXPECT_THAT(result.err, HasSubstr("/wrong is not a command"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
}

TEST_F(ChatTest, ForgetsTheOldestTurnsWhenFull) {
  std::string talk;
  for (int i = 0; i < 8; ++i) talk += "The little girl ran to the park.\n";
  const ProgramResult result =
      run_program(arguments({"-n", "20", "--n-positions", "80"}), {.in = talk});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("forgotten"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 8);

  const ProgramResult long_one = run_program(arguments({"--n-positions", "10"}),
                                             {.in = talk.substr(0, 20) + talk});
  EXPECT_EQ(long_one.exit_code, 1);
  EXPECT_THAT(long_one.message(), HasSubstr("--n-positions"));
}

TEST_F(ChatTest, WithoutATemplateItSaysSo) {
  const ProgramResult result = run_program(
      {"chat", "-m", test::data_path("models/stories260K").string()},
      {.in = "hello\n"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("has no chat template"));
}

// The program at the far end of a terminal.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments) {
    child_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
    if (child_ == 0) test::exec_program(arguments, {{"TERM", "xterm"}});
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
    return test::exit_code(status);
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

TEST_F(ChatTest, CtrlCStopsTheAnswerAndNotTheProgram) {
  // The answer is so long that Ctrl-C comes before its end, on a busy machine
  // too: far beyond what the model was made for, which takes it minutes.
  Terminal terminal(
      arguments({"--n-positions", "50000", "--ignore-eos", "-k", "1"}));
  terminal.wait_for("> ");
  terminal.type("Once upon a time\n");
  terminal.wait_for("there");
  terminal.type("\x03");
  terminal.wait_for("> ");
  terminal.type("/stats\n");
  terminal.wait_for("cancelled");
  terminal.wait_for("> ");
  terminal.type("\x03");
  terminal.wait_for("again to leave");
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(ChatTest, CtrlDLeaves) {
  Terminal terminal(arguments({}));
  terminal.wait_for("> ");
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(ChatTest, ColoursShowTheDraftOnATerminal) {
  std::vector<std::string> arguments = {
      "generate",
      "-m",
      test::data_path("models/stories260K").string(),
      "-d",
      test::data_path("models/stories260K").string(),
      "--draft-layers",
      "3",
      "-n",
      "40",
      "-p",
      "",
      "--show-draft",
      "-t",
      "1"};
  Terminal terminal(arguments);
  const std::string shown = terminal.wait_for("kv cache");
  EXPECT_THAT(shown, HasSubstr("\033[32m"));
  EXPECT_THAT(shown, HasSubstr("\033[31m"));
  EXPECT_EQ(terminal.wait(), 0);
}

}  // namespace
}  // namespace pilotfish
