// The program with stories260K, whose greedy text was published with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class StoriesTest : public ::testing::Test {
 protected:
  void SetUp() override { SKIP_WITHOUT_DATA("models/stories260K"); }

  static std::string folder() {
    return test::data_path("models/stories260K").string();
  }
  static Json expected() {
    return Json::parse(
        test::read_file(test::data_path("models/stories260K/expected.json")));
  }
  // The same model as GGUF, made once.
  static const std::string& gguf() {
    static const test::TemporaryFolder place;
    static const std::string path = [] {
      const std::string to = (place.path() / "stories.gguf").string();
      const ProgramResult result = run_program({"convert", folder(), to});
      EXPECT_EQ(result.exit_code, 0) << result.err;
      return to;
    }();
    return path;
  }
  static ProgramResult generate(std::vector<std::string> more,
                                const test::ProgramInput& input = {}) {
    std::vector<std::string> arguments = {"generate", "-n", "200", "-t", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, input);
  }
};

// Plain and at every window, with drafts that agree with the target now and
// then (its first layers) and nearly always (bf16).
class PublishedTextTest : public StoriesTest,
                          public ::testing::WithParamInterface<const char*> {};

TEST_P(PublishedTextTest, ComesOutAtEveryWindowFromBothFormats) {
  const std::string isa = GetParam();
  const CpuFeatures& cpu = cpu_features();
  if ((isa == "avx2" && !cpu.avx2) || (isa == "avx512" && !cpu.avx512)) {
    GTEST_SKIP() << "this processor has no " << isa;
  }
  const test::ProgramInput input{.in = "",
                                 .environment = {{"PILOTFISH_ISA", isa}}};
  const std::string text = expected()["greedy"]["text"];
  const Json ids = expected()["greedy"]["ids"];
  const std::vector<std::vector<std::string>> drafts = {
      {"--draft-layers", "3"},
      {"--draft-layers", "4"},
      {"--draft-dtype", "bf16"}};
  for (const std::string& model : {folder(), gguf()}) {
    const ProgramResult plain = generate({"-m", model, "-p", ""}, input);
    EXPECT_EQ(plain.out, text);
    for (int window = 1; window <= 16; ++window) {
      std::vector<std::string> arguments = {
          "-m", model, "-d",    model, "-k", std::to_string(window),
          "-p", "",    "--json"};
      const auto& draft = drafts[static_cast<size_t>(window) % drafts.size()];
      arguments.insert(arguments.end(), draft.begin(), draft.end());
      const ProgramResult result = generate(arguments, input);
      ASSERT_EQ(result.exit_code, 0) << result.err;
      const Json json = Json::parse(result.out);
      EXPECT_EQ(json["text"], text) << model << " window " << window;
      EXPECT_EQ(json["tokens"], ids);
      EXPECT_EQ(json["model"]["instruction_set"], isa);
      EXPECT_EQ(json["settings"]["window"], window);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, PublishedTextTest,
                         ::testing::Values("scalar", "avx2", "avx512"),
                         [](const auto& isa) { return isa.param; });

TEST_F(StoriesTest, EndsWhereTheModelDoes) {
  const Json story = expected()["greedy_until_bos"];
  const ProgramResult result =
      generate({"-m", folder(), "-p", "", "-n", "500", "--json"});
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["text"], story["text"]);
  EXPECT_EQ(json["finish_reason"], "stop_token");
  Json ids = story["ids"];
  ids.push_back(1);
  EXPECT_EQ(json["tokens"], ids);
}

TEST_F(StoriesTest, TakesThePromptFromAnyPlace) {
  const std::string prompt = "Once upon a time";
  const std::string text = generate({"-m", folder(), "-p", prompt}).out;
  EXPECT_TRUE(text.starts_with(", there was"));
  EXPECT_EQ(generate({"-m", folder()}, {.in = prompt + "\n"}).out, text);
  const test::TemporaryFolder place;
  const std::string file = (place.path() / "prompt").string();
  std::ofstream(file) << prompt << "\n";
  EXPECT_EQ(generate({"-m", folder(), "-f", file}).out, text);
  EXPECT_EQ(generate({"-m", folder(), "--tokens", "1 403 407 261 378"}).out,
            text);
}

TEST_F(StoriesTest, DecodesManyPromptsTogether) {
  const test::TemporaryFolder place;
  const std::string file = (place.path() / "prompts").string();
  const std::vector<std::string> prompts = {"Once upon a time", "Tom said",
                                            "The big red ball", "Lily"};
  {
    std::ofstream out(file);
    for (const std::string& prompt : prompts) out << prompt << "\n";
  }
  const ProgramResult result =
      generate({"-m", folder(), "-d", folder(), "--draft-layers", "3",
                "--prompts", file, "--json", "--parallel", "3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  for (const std::string& prompt : prompts) {
    std::string line;
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(Json::parse(line)["text"],
              generate({"-m", folder(), "-p", prompt}).out);
  }
}

TEST_F(StoriesTest, StopStringsCutTheText) {
  const std::string text = expected()["greedy"]["text"];
  for (const std::string stop : {"Lily", "e wanted to", ".\nLi", " big, red"}) {
    for (const std::string window : {"1", "3", "8"}) {
      const ProgramResult result =
          generate({"-m", folder(), "-d", folder(), "--draft-layers", "3", "-k",
                    window, "-p", "", "--stop", stop, "--stop", "zzz"});
      EXPECT_EQ(result.out, text.substr(0, text.find(stop)));
      EXPECT_THAT(result.err, HasSubstr("stop_string"));
    }
  }
}

TEST_F(StoriesTest, ShowsTheDraftWithBracketsWithoutATerminal) {
  const ProgramResult result =
      generate({"-m", folder(), "-d", folder(), "--draft-layers", "3", "-p", "",
                "--show-draft"});
  std::string plain;
  for (const char c : result.out) {
    if (std::string_view("{}[]").find(c) == std::string_view::npos) plain += c;
  }
  EXPECT_EQ(plain, expected()["greedy"]["text"]);
  EXPECT_THAT(result.out, HasSubstr("{"));
  EXPECT_THAT(result.out, HasSubstr("["));
  EXPECT_THAT(result.err, HasSubstr("{recovered}"));
}

TEST_F(StoriesTest, RefusesADraftOfAnotherTokenizer) {
  SKIP_WITHOUT_DATA("gguf/llama-2-tiny-random.gguf");
  const ProgramResult result = generate(
      {"-m", folder(), "-d",
       test::data_path("gguf/llama-2-tiny-random.gguf").string(), "-p", "x"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("cannot draft for"));
}

TEST_F(StoriesTest, ScoresItsOwnTextBetterThanAnother) {
  const auto perplexity = [&](const std::string& text) {
    const ProgramResult result =
        run_program({"score", "-m", folder(), "--text", text, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out)["perplexity"].get<double>();
  };
  EXPECT_LT(perplexity("Once upon a time, there was a little girl."), 3);
  EXPECT_GT(perplexity("girl little a was there time a upon Once"), 20);
}

TEST_F(StoriesTest, TokenizesBothWays) {
  const Json all = expected();
  for (const Json& pair : all.at("tokenizer")) {
    const std::string text = pair["text"];
    const ProgramResult encoded =
        run_program({"tokenize", "-m", folder(), "--json"}, {.in = text});
    ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
    EXPECT_EQ(Json::parse(encoded.out)["tokens"], pair["ids"]);
    std::string ids;
    for (const Json& id : pair["ids"]) ids += id.dump() + " ";
    const ProgramResult decoded =
        run_program({"tokenize", "-m", folder(), "--decode"}, {.in = ids});
    EXPECT_EQ(decoded.out, text);
  }
  EXPECT_EQ(run_program({"tokenize", "-m", folder(), "Once upon a time"}).out,
            "1 403 407 261 378\n");
  EXPECT_THAT(run_program({"tokenize", "-m", folder(), "--pieces", "Once"}).out,
              HasSubstr("403\t"));
  // A model may have more rows than its tokenizer has texts.
  EXPECT_EQ(run_program({"tokenize", "-m", folder(), "--decode", "9999"}).out,
            run_program({"tokenize", "-m", folder(), "--decode", ""}).out);
  EXPECT_NE(
      run_program({"tokenize", "-m", folder(), "--decode", "-1"}).exit_code, 0);
}

}  // namespace
}  // namespace pilotfish
