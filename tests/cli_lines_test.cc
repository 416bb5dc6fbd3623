// `tokenize` and `score` over many lines of a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr const char* kLines = "Once upon a time\n\nthe end <s>\r\nlast";

std::string shipped() {
  return (test::source_dir() / "models/pilotfish-stories").string();
}

ProgramResult run(const std::string& command, const std::string& in,
                  std::vector<std::string> more) {
  std::vector<std::string> arguments = {command, "-m", shipped()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments, {.in = in});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(TokenizeLines, EachIsATextOfItsOwn) {
  const ProgramResult result = run("tokenize", kLines, {"--lines"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto ids = lines_of(result.out);
  ASSERT_EQ(ids.size(), 4u);
  const char* texts[] = {"Once upon a time", "", "the end <s>", "last"};
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(run("tokenize", "", {texts[i]}).out, ids[i] + "\n");
  }
  const auto json =
      lines_of(run("tokenize", kLines, {"--lines", "--json"}).out);
  ASSERT_EQ(json.size(), 4u);
  EXPECT_EQ(Json::parse(json[2])["text"], texts[2]);
  // And back.
  const ProgramResult back =
      run("tokenize", result.out, {"--lines", "--decode", "--special"});
  EXPECT_THAT(back.out, HasSubstr("the end <s>\n"));
  EXPECT_EQ(lines_of(back.out).size(), 4u);
}

TEST(TokenizeLines, AMistakeNamesItsLine) {
  const ProgramResult result =
      run("tokenize", "1 2\n3 x\n", {"--decode", "--lines"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("line 2"));
}

TEST(ScoreLines, EachIsScoredAsIfAlone) {
  const ProgramResult result =
      run("score", kLines, {"--lines", "--json", "-t", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 4u);
  double total = 0;
  size_t places = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Json line = Json::parse(lines[i]);
    EXPECT_EQ(line["line"], i + 1);
    for (const Json& score : line["log_probabilities"]) {
      total += score.get<double>();
      ++places;
    }
  }
  Json first = Json::parse(lines[0]);
  first.erase("line");
  EXPECT_EQ(Json::parse(run("score", "",
                            {"--text", "Once upon a time", "--json", "-t", "1"})
                            .out),
            first);
  // The table ends with all lines together.
  const auto table = lines_of(run("score", kLines, {"--lines", "-t", "1"}).out);
  ASSERT_EQ(table.size(), 6u);
  std::istringstream all(table.back());
  std::string name;
  size_t tokens = 0;
  double log_p = 0;
  double perplexity = 0;
  all >> name >> tokens >> log_p >> perplexity;
  EXPECT_EQ(name, "all");
  EXPECT_EQ(tokens, places + 4);
  EXPECT_NEAR(log_p, total, 1e-3);
  EXPECT_NEAR(perplexity, std::exp(-total / static_cast<double>(places)), 1e-3);
}

TEST(ScoreLines, OneThatDoesNotFitDoesNotStopTheOthers) {
  const std::string text = "Once\n" + std::string(2000, 'x') + "\nend\n";
  const ProgramResult result = run(
      "score", text, {"--lines", "--json", "-t", "1", "--n-positions", "64"});
  EXPECT_EQ(result.exit_code, 1);
  const auto lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(Json::parse(lines[1]).contains("error"));
  EXPECT_TRUE(Json::parse(lines[2]).contains("perplexity"));
  EXPECT_THAT(result.message(), HasSubstr("1 of 3 lines"));
}

// A text that brings its own BOS.
TEST(DoubledBos, IsNoted) {
  const auto note = HasSubstr("begins with \"<s>\" twice");
  EXPECT_THAT(run("score", "", {"--text", "<s>Once", "-t", "1"}).err, note);
  EXPECT_THAT(run("score", "", {"--text", "Once", "-t", "1"}).err, IsEmpty());
  const ProgramResult twice =
      run("generate", "", {"-p", "<s>Once", "-n", "1", "-t", "1"});
  EXPECT_EQ(twice.exit_code, 0) << twice.err;
  EXPECT_THAT(twice.err, note);
  EXPECT_THAT(run("generate", "", {"-p", "Once", "-n", "1", "-t", "1"}).err,
              ::testing::Not(note));
  const test::TemporaryFolder folder;
  const std::string chat = (folder.path() / "chat.jinja").string();
  std::ofstream(chat)
      << "{{ bos_token }}{{ bos_token }}{{ messages[0].content }}";
  const std::vector<std::string> with = {"--template", chat, "-n",
                                         "1",          "-t", "1"};
  EXPECT_THAT(run("chat", "Once\nTom\n", with).err, note);
  std::vector<std::string> once = with;
  once.insert(once.end(), {"--chat", "-p", "Once"});
  EXPECT_THAT(run("generate", "", once).err, note);
}

}  // namespace
}  // namespace pilotfish
