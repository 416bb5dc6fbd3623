// `pilotfish plan`, whose figures follow from shapes and formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using Json = nlohmann::json;

std::vector<std::string> arguments(const std::vector<std::string>& more) {
  std::vector<std::string> all = {"plan"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string plan(const std::vector<std::string>& more) {
  const ProgramResult result = run_program(arguments(more));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

Json plan_json(std::vector<std::string> more) {
  more.push_back("--json");
  return Json::parse(plan(more));
}

const std::vector<std::string> kSeventyAndSeven = {
    "--target", "llama-2-70b", "--draft",       "llama-2-7b",
    "--dtype",  "bf16",        "--n-positions", "4096"};

std::vector<std::string> seventy_and_seven(
    const std::vector<std::string>& more) {
  std::vector<std::string> all = kSeventyAndSeven;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(PlanTest, MeasuredTimesGiveTheClosedForm) {
  const Json json = plan_json(
      seventy_and_seven({"--measured-tpot", "20.6,3.7", "--acceptance", "0.8",
                         "--hourly-price", "21.5"}));
  EXPECT_NEAR(json["target"]["weight_bytes"].get<double>() +
                  json["draft"]["weight_bytes"].get<double>(),
              151.4e9, 0.1e9);
  const double c = 3.7 / 20.6;
  EXPECT_NEAR(json["speculation"]["c"], c, 1e-12);
  double best = 0;
  for (const Json& row : json["speculation"]["table"]) {
    const double k = row["window"];
    EXPECT_EQ(row["v"], 1);
    for (const Json& at : row["at"]) {
      const double a = at["acceptance"];
      const double tokens = (1 - std::pow(a, k)) / (1 - a);
      EXPECT_NEAR(at["speedup"], tokens / (1 + c * (k - 1)), 1e-9);
      if (a == 0.8) best = std::max(best, at["speedup"].get<double>());
    }
  }
  EXPECT_EQ(json["speculation"]["best"]["window"], 5);
  EXPECT_EQ(json["speculation"]["best"]["speedup"], best);
  EXPECT_NEAR(json["speculation"]["break_even"], c, 1e-6);  // 1 + a = 1 + c
  const double plain = json["cost"]["plain_per_million"];
  EXPECT_NEAR(plain, 21.5 / 3600 * 0.0206 * 1e6, 1e-6);
  EXPECT_NEAR(json["cost"]["speculative_per_million"], plain / best, 1e-6);
}

TEST(PlanTest, TheTableReadsWell) {
  const std::string text =
      plan(seventy_and_seven({"--measured-tpot", "20.6,3.7", "--memory", "192",
                              "--hourly-price", "21.5"}));
  for (const char* expected :
       {"llama-2-70b: 69.0 billion parameters, bf16", "151.4 GB", "to spare",
        "48.5 tokens/s", "1.96*", "k = 5: 3.36 tokens a pass",
        "above acceptance 0.180", "a million tokens at 21.5 an hour"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

TEST(PlanTest, SaysWhatDoesNotFit) {
  const std::string text =
      plan(seventy_and_seven({"--bandwidth", "2000", "--memory", "128"}));
  EXPECT_THAT(text, HasSubstr("does not fit"));
  EXPECT_THAT(text, HasSubstr("too little"));
  const Json json =
      plan_json(seventy_and_seven({"--bandwidth", "2000", "--memory", "128"}));
  EXPECT_EQ(json["memory"]["fits"], false);
  EXPECT_EQ(json["memory"]["available_bytes"], 128000000000);
}

// 16 sequences: the keys and values are read for each, the weights once.
TEST(PlanTest, TheRooflineCountsSequencesContextAndArithmetic) {
  const Json json =
      plan_json({"--target", "llama-2-7b", "--bandwidth", "1000", "--flops",
                 "50", "--sequences", "16", "--context", "1000"});
  const double weights = 2 * (6738415616.0 - 32000 * 4096);
  const double kv = 16 * 1000 * 2.0 * 32 * 4096 * 2;
  EXPECT_NEAR(json["target"]["memory_seconds"], (weights + kv) / 1e12, 1e-9);
  const double flops = 16 * (weights + 4.0 * 32 * 4096 * 1000);
  EXPECT_NEAR(json["target"]["arithmetic_seconds"], flops / 50e12, 1e-9);
  EXPECT_NEAR(json["plain"]["tokens_per_second"], 16 / ((weights + kv) / 1e12),
              1e-3);
  EXPECT_TRUE(json["draft"].is_null());
  EXPECT_TRUE(json["speculation"].is_null());
  EXPECT_TRUE(json["cost"].is_null());
}

TEST(PlanTest, TakesVerificationAsMeasured) {
  const Json json = plan_json(
      seventy_and_seven({"--measured-tpot", "20.6,3.7", "--verify-cost",
                         "2=1.2,4=1.6", "--max-window", "5"}));
  const std::vector<double> expected = {1, 1.2, 1.4, 1.6, 1.8};
  const Json& table = json["speculation"]["table"];
  ASSERT_EQ(table.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(table[i]["v"], expected[i], 1e-12);
  }
}

TEST(PlanTest, ReadsShapesFromFilesAndMeasuresThem) {
  const test::TemporaryFolder folder;
  const std::string target = (folder.path() / "target").string();
  test::write_random_model(target, {});
  const Json json = plan_json({"-m", target, "-d", target, "-t", "1",
                               "--max-window", "4", "--sequences", "2"});
  EXPECT_EQ(json["target"]["name"], target);
  EXPECT_EQ(json["memory"]["fits"], true);
  EXPECT_THAT(json["speed_source"].get<std::string>(),
              HasSubstr("measured on this machine"));
  EXPECT_GT(json["plain"]["tpot_seconds"], 1e-7);
  EXPECT_GT(json["speculation"]["c"], 0.2);  // the same model twice
  EXPECT_LT(json["speculation"]["c"], 5);
}

TEST(PlanTest, NotesVocabulariesThatCannotMatch) {
  const auto note = [](const char* draft) {
    return run_program(arguments({"-m", "qwen2.5-7b", "-d", draft,
                                  "--bandwidth", "100"}))
        .err;
  };
  EXPECT_THAT(note("llama-68m"), HasSubstr("note: "));
  EXPECT_EQ(note("qwen2.5-0.5b"), "");  // padded differently
}

TEST(PlanTest, ListsTheShapes) {
  const std::string text = plan({"--shapes"});
  for (const char* name :
       {"llama-2-70b", "llama-3.1-405b", "llama-3.2-1b", "tinyllama-1.1b",
        "qwen2.5-0.5b", "qwen3-8b", "mistral-7b", "llama-68m"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
}

TEST(PlanTest, BadInputIsRefusedInOneLine) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"-m", "llama-9"}, "--shapes"},
      {{"-m", "llama-2-7b", "-d", "llama-9"}, "draft: \"llama-9\""},
      {{"-m", "llama-2-7b", "--dtype", "q9"}, "q9"},
      {{"-m", "llama-2-7b", "--kv-dtype", "q4_0"}, "--kv-dtype"},
      {{"-m", "llama-2-7b", "--flops", "3"}, "--bandwidth"},
      {{"-m", "llama-2-7b", "--bandwidth", "0"}, "--bandwidth"},
      {{"-m", "llama-2-7b", "--bandwidth", "nan"}, "--bandwidth"},
      {{"-m", "llama-2-7b", "--memory", "-1"}, "--memory"},
      {{"-m", "llama-2-7b", "--hourly-price", "-1"}, "hourly_price"},
      {{"-m", "llama-2-7b", "-d", "llama-68m", "--acceptance", "1.5"},
       "acceptance"},
      {{"-m", "llama-2-7b", "-d", "llama-68m", "--max-window", "65"},
       "max_window"},
      {{"-m", "llama-2-7b", "--measured-tpot", "20,x"}, "--measured-tpot"},
      {{"-m", "llama-2-7b", "--measured-tpot", "20,3"}, "--measured-tpot"},
      {{"-m", "llama-2-7b", "--n-positions", "-5"}, "n_positions"},
      {{"-m", "llama-2-7b", "--sequences", "0"}, "max_sequences"},
      {{"-m", "llama-2-7b", "--context", "5000"}, "context"},
  };
  for (const auto& [more, expected] : cases) {
    const ProgramResult result = run_program(arguments(more));
    EXPECT_EQ(result.exit_code, 2) << expected << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(expected));
  }
  for (const char* costs : {"2", "1=1", "2=0", "2.5=1", "2=1,", "2=x"}) {
    const ProgramResult result = run_program(arguments(seventy_and_seven(
        {"--bandwidth", "100", "--verify-cost=" + std::string(costs)})));
    EXPECT_EQ(result.exit_code, 2) << costs;
    EXPECT_THAT(result.message(), HasSubstr("--verify-cost"));
  }
}

}  // namespace
}  // namespace pilotfish
