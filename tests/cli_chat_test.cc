// Conversations with stories260K and a template of the test's own, through
// pipes and on a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "program.h"
#include "terminal.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using test::Terminal;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

// Templates may have a system message of their own where there is none.
TEST_F(ChatTest, AnEmptySystemMessageIsOne) {
  std::ofstream(template_)
      << "{{ messages[0].role }} {{ messages[0].content }}";
  const auto answer = [&](std::vector<std::string> more, std::string in) {
    more.insert(more.end(), {"-n", "5"});
    return run_program(arguments(std::move(more)), {.in = std::move(in)}).out;
  };
  const std::string none = answer({}, "Tom\n");
  const std::string empty = answer({"--system", ""}, "Tom\n");
  EXPECT_NE(empty, none);
  EXPECT_EQ(answer({}, "/system \nTom\n"), empty);
  EXPECT_EQ(answer({"--system", ""}, "/system\nTom\n"), none);
}

TEST_F(ChatTest, ForgetsTheOldestTurnsWhenFull) {
  std::string talk;
  for (int i = 0; i < 8; ++i) talk += "The little girl ran to the park.\n";
  const ProgramResult result =
      run_program(arguments({"-n", "20", "--n-positions", "80"}), {.in = talk});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("no longer fits into 80 positions: its oldest"));
  EXPECT_THAT(result.err, HasSubstr("up to \"The little girl ran"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 8);
}

// A quarter of the positions is kept free where -n does not say less.
TEST_F(ChatTest, OldTurnsLeaveRoomForAnAnswerOfAnyLength) {
  std::string talk;
  for (int i = 0; i < 8; ++i) talk += "The little girl ran to the park.\n";
  const ProgramResult result = run_program(
      arguments({"--n-positions", "80", "--stop", "."}), {.in = talk});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("no longer fits into 80 positions"));
  EXPECT_THAT(result.err, Not(HasSubstr("the answer ends here")));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 8);
}

// The conversation is as it was before it, and goes on; a script sees by the
// status that something had no answer.
TEST_F(ChatTest, AMessageThatDoesNotFitLosesNothing) {
  std::string long_one;
  for (int i = 0; i < 40; ++i) long_one += "The little girl ran. ";
  const std::vector<std::string> flags =
      arguments({"-n", "10", "--n-positions", "100"});
  const ProgramResult result =
      run_program(flags, {.in = "Once upon a time\n" + long_one + "\nTom\n"});
  const ProgramResult without =
      run_program(flags, {.in = "Once upon a time\nTom\n"});
  ASSERT_EQ(without.exit_code, 0) << without.err;
  EXPECT_EQ(result.out, without.out);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("pilotfish: message 2: the message does "
                                     "not fit"));
  EXPECT_THAT(result.err, HasSubstr("n_positions is 100"));
  EXPECT_THAT(result.err,
              EndsWith("pilotfish: 1 of 3 messages had no answer\n"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 2);
}

TEST_F(ChatTest, AnAnswerThatFillsTheContextSaysSo) {
  const ProgramResult result = run_program(
      arguments({"--n-positions", "20", "--ignore-eos"}), {.in = "Once\n"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("fills all 20 positions"));
}

TEST_F(ChatTest, ATurnEncodesOnlyWhatIsNew) {
  const ProgramResult result = run_program(
      arguments({"-n", "40", "--ignore-eos"}),
      {.in = "Once upon a time there was a girl\n/stats\nTom\n/stats\n"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto numbers = [&](const std::string& statistics) {
    int prompt = 0;
    int reused = 0;
    std::sscanf(statistics.c_str(), "prompt %d tokens (%d of them still",
                &prompt, &reused);
    return std::pair{prompt, reused};
  };
  const size_t second = result.err.rfind("prompt  ");
  const auto [first_prompt, first_reused] = numbers(result.err);
  const auto [prompt, reused] = numbers(result.err.substr(second));
  EXPECT_EQ(first_reused, 0);
  EXPECT_GT(prompt, first_prompt + 39);
  EXPECT_GE(reused, first_prompt + 38);  // the newest is not cached yet
}

// A copy of the model whose makers recommend something.
class ChatDefaultsTest : public ChatTest {
 protected:
  void SetUp() override {
    ChatTest::SetUp();
    if (IsSkipped()) return;
    const std::filesystem::path model = test::data_path("models/stories260K");
    std::filesystem::create_directory(copy());
    for (const char* name : {"config.json", "model.safetensors",
                             "tokenizer.json", "tokenizer_config.json"}) {
      std::filesystem::create_symlink(std::filesystem::absolute(model / name),
                                      copy() / name);
    }
    std::ofstream(copy() / "generation_config.json")
        << R"({"do_sample": true, "temperature": 0.9, "top_k": 30,
               "eos_token_id": [1, 2]})";
  }

  std::filesystem::path copy() const { return folder_.path() / "model"; }

  ProgramResult chat(std::vector<std::string> more) const {
    std::vector<std::string> all = arguments(std::move(more));
    all[2] = copy().string();
    return run_program(all, {.in = "Once upon a time\nTom\n"});
  }
  ProgramResult generate(std::vector<std::string> more) const {
    std::vector<std::string> all = {
        "generate", "-m", copy().string(), "-p", "Once", "-n", "30", "-t", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all);
  }
};

TEST_F(ChatDefaultsTest, ChatSamplesAsTheModelsMakersRecommend) {
  const ProgramResult usual = chat({"-n", "20"});
  ASSERT_EQ(usual.exit_code, 0) << usual.err;
  EXPECT_THAT(usual.err, HasSubstr("sampling: temperature 0.9, seed 0, top-k "
                                   "30 (the model's generation_config.json"));
  const ProgramResult same =
      chat({"-n", "20", "--temperature", "0.9", "--top-k", "30"});
  EXPECT_EQ(usual.out, same.out);
  EXPECT_EQ(same.err, "");  // flags say it all

  const ProgramResult greedy = chat({"-n", "20", "--temp", "0"});
  EXPECT_EQ(greedy.err, "");
  EXPECT_NE(greedy.out, usual.out);
  const ProgramResult partly = chat({"-n", "20", "--top-k", "7"});
  EXPECT_THAT(partly.err, HasSubstr("temperature 0.9, seed 0, top-k 7 ("));
}

TEST_F(ChatDefaultsTest, GenerateIsGreedyUnlessAsked) {
  const ProgramResult greedy = generate({});
  ASSERT_EQ(greedy.exit_code, 0) << greedy.err;
  EXPECT_EQ(greedy.out, generate({"--temperature", "0"}).out);
  const ProgramResult asked = generate({"--model-defaults"});
  EXPECT_NE(asked.out, greedy.out);
  EXPECT_THAT(asked.err, HasSubstr("temperature 0.9"));
  EXPECT_EQ(asked.out, generate({"--temperature", "0.9", "--top-k", "30"}).out);
  EXPECT_EQ(generate({"--model-defaults", "--temperature", "0"}).out,
            greedy.out);
  EXPECT_THAT(run_program({"generate", "--help"}).out,
              HasSubstr("--model-defaults"));
}

TEST_F(ChatDefaultsTest, BadDefaultsAreAnErrorThatNamesTheFile) {
  std::ofstream(copy() / "generation_config.json")
      << R"({"temperature": "hot", "eos_token_id": 2})";
  const ProgramResult result = chat({});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.message(),
              HasSubstr("generation_config.json: temperature"));
  EXPECT_EQ(generate({}).exit_code, 0);
}

// "</s>" in a message is four characters of text, not the end of a turn.
TEST_F(ChatTest, SpecialTokensInMessagesAreText) {
  const std::string model = test::data_path("models/stories260K").string();
  const auto prompt = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"generate",   "-m",      model,   "--chat",
                                    "--template", template_, "-p",    "Tom</s>",
                                    "-n",         "1",       "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const ProgramResult result = run_program(all);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out)["prompt_tokens"]
        .get<std::vector<int>>();
  };
  const std::vector<int> as_text = prompt({});
  EXPECT_EQ(as_text.front(), 1);  // the template's own <s>
  EXPECT_EQ(std::count(as_text.begin(), as_text.end(), 2), 0);
  const std::vector<int> parsed = prompt({"--parse-special"});
  EXPECT_EQ(std::count(parsed.begin(), parsed.end(), 2), 1);

  const auto statistics = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"-n", "1"});
    return run_program(arguments(more), {.in = "Tom</s>\n/stats\n"}).err;
  };
  EXPECT_THAT(statistics({}),
              HasSubstr(std::to_string(as_text.size()) + " tokens, first"));
  EXPECT_THAT(statistics({"--parse-special"}),
              HasSubstr(std::to_string(parsed.size()) + " tokens, first"));
  EXPECT_EQ(run_program({"generate", "--parse-special", "-p", "x"}).exit_code,
            2);
}

TEST_F(ChatTest, ALegendSaysWhatTheMarksOfTheDraftMean) {
  const ProgramResult result =
      run_program(arguments({"--show-draft", "-n", "3"}), {.in = "Once\n"});
  EXPECT_THAT(result.err, StartsWith("accepted = from the draft"));
}

TEST_F(ChatTest, WithoutATemplateItSaysSo) {
  const ProgramResult result = run_program(
      {"chat", "-m", test::data_path("models/stories260K").string()},
      {.in = "hello\n"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("has no chat template"));
  EXPECT_THAT(result.message(), HasSubstr("pilotfish generate -m "));
  EXPECT_THAT(result.message(), HasSubstr("--template"));
}

TEST(Chat, WithTheModelThatShipsItSaysWhatToDoWithIt) {
  const ProgramResult result = run_program({"chat"}, {.in = "hello\n"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(),
              HasSubstr("pilotfish generate -p \"Once upon a time\""));
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

TEST_F(ChatTest, LinesCanBeEditedAndComeBackFromTheHistory) {
  Terminal terminal(arguments({"-n", "3"}));
  terminal.wait_for("> ");
  // Ctrl-A, Ctrl-E, and the delete key behind a letter of two bytes.
  terminal.type(
      "upon\x01Once \x05 a tim\u00e9\x7F"
      "e\n");
  terminal.wait_for("> ");
  terminal.type("/stats\n");
  terminal.wait_for("generated");
  terminal.wait_for("> ");
  terminal.type("\x1b[A\x1b[A");  // up, up
  terminal.wait_for("Once upon a time");
  terminal.type("\n");
  terminal.wait_for("> ");
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(ChatTest, ABackslashGoesOnInTheNextLineAndCtrlCThrowsAllAway) {
  Terminal terminal(arguments({"-n", "3"}));
  terminal.wait_for("> ");
  terminal.type("one\\\n");
  terminal.wait_for(". ");
  terminal.type("two\x03");
  terminal.wait_for("again to leave");
  terminal.wait_for("> ");
  terminal.type("/stats\n");
  terminal.wait_for("no answer yet");
  terminal.wait_for("> ");
  terminal.type("one\\\n");
  terminal.wait_for(". ");
  terminal.type("two\n");
  terminal.wait_for("> ");
  terminal.type("/stats\n");
  terminal.wait_for("generated");
  terminal.wait_for("> ");
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait(), 0);
}

// What does not fit is said in a line, and the talk goes on.
TEST_F(ChatTest, OnATerminalAMessageThatDoesNotFitIsNoEnd) {
  Terminal terminal(arguments({"-n", "3", "--n-positions", "12"}));
  terminal.wait_for("> ");
  terminal.type("The little girl ran to the park with Tom and a dog.\n");
  terminal.wait_for("does not fit");
  terminal.wait_for("> ");
  terminal.type("/quit\n");
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
