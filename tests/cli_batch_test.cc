// Many texts in one run: --prompts as text and as lines of JSON, --samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(Json::parse(line));
  }
  return lines;
}

class BatchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.15;
    test::write_random_model(folder_->path() / "draft", options);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string file(const std::string& name) {
    return (folder_->path() / name).string();
  }
  static std::string write(const std::string& name, const std::string& text) {
    std::ofstream(file(name)) << text;
    return file(name);
  }

  // With a fixed window, so that a seed gives one text.
  static ProgramResult generate(Arguments more) {
    Arguments arguments = {
        "generate", "-m", file("target"), "-d", file("draft"), "-k",
        "4",        "-n", "12",           "-t", "1",           "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  static Json generate_one(Arguments more) {
    const ProgramResult result = generate(std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  }
  static std::vector<Json> generate_lines(Arguments more) {
    const ProgramResult result = generate(std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json_lines(result.out);
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

// Ten equal lines are ten draws, and each can be had again alone.
TEST_F(BatchTest, EachLineHasASeedOfItsOwn) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "{\"prompt\": [1, 5, 9]}\n";
  const std::vector<Json> lines =
      generate_lines({"--prompts", write("equal.jsonl", text), "--seed", "40",
                      "--temperature", "1"});
  ASSERT_EQ(lines.size(), 10u);
  std::set<Json> texts;
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i]["line"], i + 1);
    EXPECT_EQ(lines[i]["seed"], 40 + i);
    texts.insert(lines[i]["tokens"]);
  }
  EXPECT_GT(texts.size(), 5u);
  const Json alone =
      generate_one({"--tokens", "1 5 9", "--seed", "47", "--temperature", "1"});
  EXPECT_EQ(alone["tokens"], lines[7]["tokens"]);
}

TEST_F(BatchTest, SamplesHaveTheSeedsFromTheFirstOn) {
  const Arguments prompt = {"--tokens", "1 5 9", "--temperature", "1"};
  Arguments samples = prompt;
  samples.insert(samples.end(), {"--samples", "5", "--seed", "7"});
  const std::vector<Json> lines = generate_lines(samples);
  ASSERT_EQ(lines.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(lines[i]["sample"], i + 1);
    EXPECT_FALSE(lines[i].contains("line"));
    Arguments alone = prompt;
    alone.insert(alone.end(), {"--seed", std::to_string(7 + i)});
    const Json one = generate_one(alone);
    EXPECT_EQ(one["tokens"], lines[i]["tokens"]);
    EXPECT_EQ(one["seed"], lines[i]["seed"]);
    EXPECT_FALSE(one.contains("sample"));
  }
  samples.insert(samples.end(), {"--parallel", "2"});
  const std::vector<Json> again = generate_lines(samples);
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(again[i]["tokens"], lines[i]["tokens"]);
}

TEST_F(BatchTest, SamplesForPeopleStandBelowTheirSeeds) {
  const ProgramResult result =
      run_program({"generate", "-p", "Once upon a time", "-n", "4", "-k", "1",
                   "--temperature", "1", "--samples", "2", "--seed", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const size_t second = result.out.find("\n\n# seed 4\n");
  EXPECT_TRUE(result.out.starts_with("# seed 3\n")) << result.out;
  ASSERT_NE(second, std::string::npos) << result.out;
  const ProgramResult alone =
      run_program({"generate", "-p", "Once upon a time", "-n", "4", "-k", "1",
                   "--temperature", "1", "--seed", "3"});
  EXPECT_EQ(result.out.substr(9, second - 9), alone.out);
}

TEST_F(BatchTest, LinesOfJsonHaveParametersOfTheirOwn) {
  const std::string path = write(
      "own.jsonl",
      R"({"prompt": [1, 5, 9], "max_tokens": 3, "temperature": 0.5, "seed": 9})"
      "\n\n"
      R"({"prompt": [1, 5], "n": 2, "top_k": 5, "window": 2, "min_p": null})"
      "\n"
      R"({"prompt": [1], "seed": 9, "n": 2, "logit_bias": {"7": -2}, )"
      R"("stop_ids": [3], "ignore_eos": true, "logprobs": 1, )"
      R"("banned_tokens": [5, 6], "repetition_penalty": 1.5, )"
      R"("penalty_window": 0, "min_tokens": 2, "top_p": 0.9})"
      "\n");
  const std::vector<Json> texts =
      generate_lines({"--prompts", path, "--temperature", "1", "--seed", "20"});
  ASSERT_EQ(texts.size(), 5u);
  const auto settings = [&](size_t i) { return texts[i]["settings"]; };
  EXPECT_EQ(texts[0]["tokens"].size(), 3u);
  EXPECT_EQ(settings(0)["temperature"], 0.5);
  EXPECT_EQ(texts[0]["seed"], 9);
  EXPECT_EQ(texts[0]["line"], 1);
  // Blank lines count as lines and are no prompts.
  EXPECT_EQ(texts[1]["line"], 3);
  EXPECT_EQ(texts[1]["seed"], 21);
  EXPECT_EQ(texts[2]["seed"], 22);
  EXPECT_EQ(texts[2]["sample"], 2);
  EXPECT_EQ(settings(1)["top_k"], 5);
  EXPECT_EQ(settings(1)["window"], 2);
  EXPECT_EQ(settings(1)["min_p"], 0);
  EXPECT_EQ(settings(1)["temperature"], 1);
  EXPECT_EQ(texts[3]["seed"], 9);
  EXPECT_EQ(texts[4]["seed"], 10);
  EXPECT_EQ(settings(3)["logit_bias"], (Json{{"7", -2.0}}));
  EXPECT_EQ(settings(3)["banned_tokens"], Json({5, 6}));
  EXPECT_EQ(settings(3)["stop_ids"], Json({3}));
  EXPECT_EQ(settings(3)["ignore_eos"], true);
  EXPECT_EQ(settings(3)["penalty_window"], 0);
  EXPECT_TRUE(texts[3].contains("logprobs"));
  EXPECT_FALSE(texts[0].contains("logprobs"));
  const Json alone = generate_one(
      {"--tokens", "1 5 9", "-n", "3", "--temperature", "0.5", "--seed", "9"});
  EXPECT_EQ(texts[0]["tokens"], alone["tokens"]);
}

// A bad line costs itself alone, and keeps its number and its place.
TEST_F(BatchTest, ABadLineFailsAlone) {
  std::string long_prompt = "[1";
  for (int i = 0; i < 600; ++i) long_prompt += ", 5";
  const std::string deep =
      std::string(200'000, '[') + std::string(200'000, ']');
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"prompt": )" + long_prompt + "]}", "512"},
      {R"({"prompt": [1, 5)", "JSON"},
      {R"({"prompt": [1], "temprature": 1})", "\"temperature\"?"},
      {R"({"prompt": [1], "temperature": "hot"})", "\"hot\""},
      {R"({"prompt": [1], "temperature": -1})", "temperature"},
      {R"({"prompt": [1], "max_tokens": 0})", "max_tokens"},
      {R"({"prompt": [1], "max_tokens": 1.5})", "max_tokens"},
      {R"({"prompt": [1], "seed": -2})", "seed"},
      {R"({"prompt": [1], "n": 0})", "\"n\""},
      {R"({"prompt": [1], "n": 99999999999999999999})", "\"n\""},
      {R"({"prompt": [1], "n": )" + deep + "}", "found a nested list"},
      {R"({"prompt": [1], "top_p": 2})", "top_p"},
      {R"({"prompt": [1], "logit_bias": [5]})", "logit_bias"},
      {R"({"prompt": [1], "window": 0})", "window"},
      {R"({"prompt": [500]})", "500"},
      {R"({"prompt": []})", "prompt"},
      {R"({"prompt": "text"})", "no tokenizer"},
      {R"({"prompt": 5})", "token ids"},
      {R"({"temperature": 1})", "no \"prompt\""},
      {"[1, 2]", "JSON"},
      {"Once upon a time", "JSON"},
  };
  const std::string good = R"({"prompt": [1, 5, 9]})"
                           "\n";
  std::string text = good;
  for (const auto& [line, what] : bad) text += line + "\n";
  text += good;
  const ProgramResult result =
      generate({"--prompts", write("bad.jsonl", text)});
  EXPECT_EQ(result.exit_code, 1);
  const std::vector<Json> lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), bad.size() + 2);
  const Json alone = generate_one({"--tokens", "1 5 9"});
  EXPECT_EQ(lines.front()["tokens"], alone["tokens"]);
  EXPECT_EQ(lines.back()["tokens"], alone["tokens"]);
  for (size_t i = 0; i < bad.size(); ++i) {
    const Json& line = lines[i + 1];
    EXPECT_EQ(line["line"], i + 2);
    ASSERT_TRUE(line.contains("error")) << bad[i].first;
    EXPECT_THAT(line["error"].get<std::string>(), HasSubstr(bad[i].second));
    EXPECT_THAT(result.err,
                HasSubstr("bad.jsonl, line " + std::to_string(i + 2) + ": "));
  }
  EXPECT_THAT(result.err, HasSubstr("no text for 21 of its lines"));
  // Those after it draw what they would have drawn.
  EXPECT_EQ(lines.back()["seed"], bad.size() + 1);
}

TEST_F(BatchTest, LinesOfTextStayTexts) {
  const std::string path =
      write("prompts.txt", "Once upon a time\n" + std::string(5000, 'x') +
                               "\n{\"prompt\": \"not JSON here\"}\n");
  const Arguments arguments = {"generate", "--prompts", path, "-n",
                               "3",        "-k",        "1",  "--json"};
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.exit_code, 1);
  const std::vector<Json> lines = json_lines(result.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["text"], run_program({"generate", "-p", "Once upon a time",
                                           "-n", "3", "-k", "1"})
                                  .out);
  EXPECT_THAT(lines[1]["error"].get<std::string>(), HasSubstr("n_positions"));
  EXPECT_GT(lines[2]["prompt_tokens"].size(), 10u);
  EXPECT_THAT(result.err, HasSubstr("prompts.txt, line 2: "));
  // A file of JSON by its first line.
  const std::string json =
      write("json.txt", "{\"prompt\": \"Once upon a time\"}\n");
  EXPECT_EQ(json_lines(run_program({"generate", "--prompts", json, "-n", "3",
                                    "-k", "1", "--json"})
                           .out)[0]["text"],
            lines[0]["text"]);
}

TEST_F(BatchTest, AMistakeInTheOnlyPromptIsAUsageError) {
  const ProgramResult result =
      generate({"--tokens", "500", "--samples", "2", "--temperature", "1"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.message(), HasSubstr("500"));
}

TEST_F(BatchTest, OtherCommandsTakePromptsAlone) {
  const std::string good = write("good.jsonl", "{\"prompt\": [1, 5]}\n");
  const std::string bad =
      write("set.jsonl", "{\"prompt\": [1]}\n{\"prompt\": [1], \"seed\": 3}\n");
  Arguments sweep = {"sweep", "-m",       file("target"), "-d", file("draft"),
                     "-n",    "4",        "--windows",    "2",  "-t",
                     "1",     "--prompts"};
  sweep.push_back(good);
  EXPECT_EQ(run_program(sweep).exit_code, 0);
  sweep.back() = bad;
  const ProgramResult result = run_program(sweep);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(),
              AllOf(HasSubstr("set.jsonl, line 2: "), HasSubstr("parameters")));
}

}  // namespace
}  // namespace pilotfish
