// Conversations with stories260K and a template of the test's own, through
// pipes and on a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "program.h"
#include "terminal.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using test::Terminal;
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
  // Underlined and reversed, whatever the colour.
  EXPECT_THAT(shown, HasSubstr("\033[4;34m"));
  EXPECT_THAT(shown, HasSubstr("\033[7;33m"));
  EXPECT_THAT(shown, HasSubstr("\033[1mbonus"));  // in the legend
  EXPECT_EQ(terminal.wait(), 0);
}

}  // namespace
}  // namespace pilotfish
