// `pilotfish sweep` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class SweepTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_DATA("models/stories260K"); }

  ProgramResult sweep(std::vector<std::string> more) {
    const std::string model = test::data_path("models/stories260K").string();
    const std::string prompts = (place_.path() / "prompts.txt").string();
    std::ofstream(prompts) << "Once upon a time\nOne day, a girl\nThe cat\n";
    std::vector<std::string> arguments = {
        "sweep", "-m", model, "-d",        model,   "--draft-layers", "4", "-t",
        "1",     "-n", "24",  "--prompts", prompts, "--ignore-eos"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

 private:
  test::TemporaryFolder place_;
};

TEST_F(SweepTest, CountsWhatItRan) {
  const ProgramResult result =
      sweep({"--json", "--windows", "2,4", "--temperatures", "0,1",
             "--most-prompts", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["prompts"], 2);
  ASSERT_EQ(json["settings"].size(), 4);
  for (const Json& setting : json["settings"]) {
    const double passes = setting["passes"];
    const double tokens = setting["tokens"];
    const double window = setting["window"];
    // Each text has 24 tokens, and those of its first pass are not counted.
    EXPECT_LE(tokens, 2 * 23);
    EXPECT_GE(tokens, 2 * (24 - window));
    EXPECT_DOUBLE_EQ(setting["tokens_per_pass"], tokens / passes);
    EXPECT_GE(tokens, passes);
    EXPECT_LE(tokens, passes * window);
    EXPECT_EQ(setting["acceptance_per_position"].size(), window - 1);
    EXPECT_EQ(setting["drafted_per_position"].size(), window - 1);
    EXPECT_LE(setting["drafted_per_position"][0], setting["passes"]);
    EXPECT_DOUBLE_EQ(setting["speedup"],
                     setting["plain_seconds_per_token"].get<double>() /
                         setting["seconds_per_token"].get<double>());
    EXPECT_GT(setting["verify_cost"], 0.0);
    const Json& split = setting["seconds_per_token_split"];
    EXPECT_NEAR(split["draft"].get<double>() + split["verify"].get<double>() +
                    split["bookkeeping"].get<double>(),
                setting["seconds_per_token"].get<double>(), 1e-12);
  }
}

TEST_F(SweepTest, GroupsHaveTheSettingsThatDifferByWindowAlone) {
  const ProgramResult result =
      sweep({"--json", "--windows", "2,3", "--temperatures", "0,1",
             "--drafters", "model,ngram+model", "--most-prompts", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json["settings"].size(), 8);
  ASSERT_EQ(json["groups"].size(), 4);
  for (size_t i = 0; i < 4; ++i) {
    const Json& group = json["groups"][i];
    EXPECT_EQ(group["settings"], Json({2 * i, 2 * i + 1}));
    EXPECT_EQ(group["drafters"],
              i < 2 ? Json({"model"}) : Json({"ngram", "model"}));
    EXPECT_EQ(group["temperature"], static_cast<double>(i % 2));
    std::int64_t plain_tokens = 0;
    for (const Json& index : group["settings"]) {
      const Json& setting = json["settings"][index.get<size_t>()];
      for (const char* shared :
           {"drafters", "acceptor", "temperature", "acceptance_per_token"}) {
        EXPECT_EQ(setting[shared], group[shared]) << shared;
      }
      plain_tokens += 23;  // of one prompt
    }
    EXPECT_EQ(group["plain"]["tokens"], plain_tokens);
  }
  if (json["best_setting"].is_null()) return;
  for (const Json& setting : json["settings"]) {
    EXPECT_LE(setting["speedup"],
              json["settings"][json["best_setting"].get<size_t>()]["speedup"]);
  }
}

TEST_F(SweepTest, MeasuresTheAutomaticWindowToo) {
  const ProgramResult table = sweep({"--windows", "auto,3"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("\n  auto "));
  const ProgramResult result = sweep({"--json", "--windows", "auto"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json setting = Json::parse(result.out)["settings"][0];
  EXPECT_EQ(setting["window"], "auto");
  EXPECT_GE(setting["tokens"], setting["passes"]);
}

TEST_F(SweepTest, EndsWithACommandToCopy) {
  const ProgramResult result = sweep({"--windows", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("temperature 0, acceptor block"));
  EXPECT_THAT(result.out, HasSubstr("\n plain"));
  EXPECT_THAT(result.out, HasSubstr("\n     3 "));
  const size_t last = result.out.rfind("  pilotfish generate -m ");
  ASSERT_NE(last, std::string::npos);
  EXPECT_EQ(result.out.find('\n', last), result.out.size() - 1);
}

TEST_F(SweepTest, TheCommandRunsWithWhatTheSweepWasTold) {
  const ProgramResult result =
      sweep({"--windows", "3", "--drafters", "skip+ngram", "--stop", "it's $1",
             "--temperatures", "0", "--top-k", "40", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string best = Json::parse(result.out)["best"];
  EXPECT_THAT(best, HasSubstr(" --stop 'it'\\''s $1'"));
  EXPECT_THAT(best, HasSubstr(" --top-k 40"));
  EXPECT_THAT(best, Not(HasSubstr("prompts")));
  const std::string name = "pilotfish";
  ASSERT_TRUE(best.starts_with(name));
  const std::string command = PILOTFISH_PROGRAM + best.substr(name.size()) +
                              " -p Once > /dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << best;
}

TEST_F(SweepTest, RefusesWhatItCannotMeasure) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--windows", "1"}, "--windows: found 1"},
      {{"--windows", "2,x"}, "--windows"},
      {{"--temperatures", "-1"}, "--temperatures: found -1"},
      {{"--acceptors", "none_such"}, "none_such"},
      {{"--drafters", "none"}, "--drafters: found none"},
      {{"--drafters", "model,magic"}, "magic"},
      {{"--drafters", "model", "--drafter", "ngram"}, "--drafter"},
      {{"--synthetic-acceptance", "0.8"}, "--synthetic-acceptance"},
      {{"-n", "-1"}, "--max-tokens"},
  };
  for (const auto& [arguments, message] : cases) {
    const ProgramResult result = sweep(arguments);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.message(), HasSubstr(message));
    EXPECT_EQ(result.out, "");
  }
  const std::string model = test::data_path("models/stories260K").string();
  const ProgramResult no_draft = run_program({"sweep", "-m", model});
  EXPECT_EQ(no_draft.exit_code, 2);
  EXPECT_THAT(no_draft.message(), HasSubstr("-d is missing"));
  const ProgramResult no_prompts =
      run_program({"sweep", "-m", model, "-d", model});
  EXPECT_EQ(no_prompts.exit_code, 2);
  EXPECT_THAT(no_prompts.message(), HasSubstr("--prompts is missing"));
}

}  // namespace
}  // namespace pilotfish
