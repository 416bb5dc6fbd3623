// `pilotfish plan`, whose figures follow from shapes and formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
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

// Llama-2-70B with its 7B at 0.8 of an EPYC 9755's bandwidth.
std::vector<std::string> on_epyc(const std::vector<std::string>& more) {
  std::vector<std::string> all = {"-m",
                                  "llama-2-70b",
                                  "-d",
                                  "llama-2-7b",
                                  "--dtype",
                                  "q4_k_m",
                                  "--context",
                                  "0",
                                  "--bandwidth",
                                  "491.52",
                                  "--max-window",
                                  "5",
                                  "--verify-cost",
                                  "5=1.1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(PlanRanksTest, ARankHasItsShareAndGathers) {
  const Json whole = plan_json(on_epyc({}));
  EXPECT_TRUE(whole["ranks"].is_null());
  const Json json =
      plan_json(on_epyc({"--ranks", "4", "--network", "100gbe", "--tp-draft",
                         "1", "--hourly-price", "2"}));
  EXPECT_EQ(json["ranks"]["count"], 4);
  EXPECT_EQ(json["ranks"]["network"], "100gbe");
  EXPECT_EQ(json["ranks"]["tp_draft"], "1");
  EXPECT_EQ(json["ranks"]["drafting_dominates_from"], 4);
  const Json& rank = json["target"]["rank"];
  EXPECT_EQ(rank["gathers"], 4 * 80 + 2);
  EXPECT_NEAR(rank["compute_seconds"].get<double>() * 4,
              whole["target"]["pass_seconds"].get<double>(), 1e-9);
  EXPECT_NEAR(rank["gather_seconds"], 2.1e-3, 0.05e-3);
  EXPECT_NEAR(json["plain"]["tpot_seconds"].get<double>(),
              rank["compute_seconds"].get<double>() +
                  rank["gather_seconds"].get<double>(),
              1e-12);
  EXPECT_EQ(json["memory"]["needed_bytes"].get<std::int64_t>(),
            rank["total_bytes"].get<std::int64_t>() +
                json["draft"]["total_bytes"].get<std::int64_t>());
  EXPECT_EQ(json["cost"]["hourly_price"], 8);

  const Json split = plan_json(
      on_epyc({"--ranks", "4", "--network", "100gbe", "--tp-draft", "all"}));
  EXPECT_LT(split["draft"]["pass_seconds"].get<double>(),
            0.4 * json["draft"]["pass_seconds"].get<double>());
  EXPECT_LT(split["memory"]["needed_bytes"], json["memory"]["needed_bytes"]);
}

TEST(PlanRanksTest, TheTextReadsWell) {
  const std::string one = plan(
      on_epyc({"--ranks", "4", "--network", "100gbe", "--sockets", "2",
               "--tp-draft", "1", "--jitter", "0.1", "--hourly-price", "2"}));
  for (const char* expected :
       {"llama-2-70b: 69.0 billion parameters, q4_k_m", "largest rank",
        "963.4 GB/s (2 sockets)", "4 over 100gbe",
        "322 in a pass of the target, 8.7 MB in all", "of an average rank",
        "on rank 0 while the others wait", "the draft from 4 ranks on",
        "at 8 an hour"}) {
    EXPECT_THAT(one, HasSubstr(expected));
  }
  const std::string curve =
      plan(on_epyc({"--ranks", "1..64", "--network", "10gbe", "--tp-draft",
                    "all", "--hourly-price", "2"}));
  for (const char* expected : {"ranks    memory", "drafting      on all ranks",
                               "cost: of 10^6", "bottleneck: "}) {
    EXPECT_THAT(curve, HasSubstr(expected));
  }
  for (const std::string& text : {one, curve}) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80u) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}

TEST(PlanRanksTest, ACurveHasThePlansOfItsRanks) {
  const Json curve =
      plan_json(on_epyc({"--ranks", "2..8", "--network", "25gbe",
                         "--hourly-price", "2", "--tp-draft", "1"}));
  ASSERT_EQ(curve["curve"].size(), 7u);
  const Json& row = curve["curve"][3];
  EXPECT_EQ(row["ranks"], 5);
  const Json plan =
      plan_json(on_epyc({"--ranks", "5", "--network", "25gbe", "--hourly-price",
                         "2", "--tp-draft", "1"}));
  EXPECT_EQ(row["rank_bytes"], plan["memory"]["needed_bytes"]);
  EXPECT_EQ(row["plain_tpot_seconds"], plan["plain"]["tpot_seconds"]);
  const Json& best = plan["speculation"]["best"];
  EXPECT_EQ(row["window"], best["window"]);
  EXPECT_EQ(row["speculative_tpot_seconds"], best["tpot_seconds"]);
  EXPECT_EQ(row["drafting_share"], best["drafting_share"]);
  EXPECT_EQ(row["cost_per_million"], plan["cost"]["speculative_per_million"]);

  // Without a draft, too.
  const Json plain = plan_json({"-m", "llama-2-7b", "--bandwidth", "100",
                                "--ranks", "1..2", "--network", "shared"});
  EXPECT_TRUE(plain["draft"].is_null());
  EXPECT_FALSE(plain["curve"][0].contains("window"));
}

TEST(PlanRanksTest, JitterIsRepeatable) {
  const auto tpot = [](const char* seed) {
    return plan_json(on_epyc({"--ranks", "8", "--network", "shared", "--jitter",
                              "0.3", "--seed", seed}))["plain"]["tpot_seconds"];
  };
  EXPECT_EQ(tpot("1"), tpot("1"));
  EXPECT_NE(tpot("1"), tpot("2"));
}

class PlanNetworkFileTest : public ::testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string path = (folder_.path() / "network.json").string();
    std::ofstream(path) << text;
    return path;
  }
  test::TemporaryFolder folder_;
};

TEST_F(PlanNetworkFileTest, GathersAreThoseMeasured) {
  const std::string path =
      write(R"({"gathers": [{"bytes": 1, "ranks": 2, "seconds": 1e-5}]})");
  const Json json = plan_json(on_epyc({"--ranks", "2", "--network", path}));
  EXPECT_EQ(json["ranks"]["network"], path);
  EXPECT_EQ(json["ranks"]["network_measured"], true);
  EXPECT_NEAR(json["target"]["rank"]["gather_seconds"], 322e-5, 1e-9);
  const ProgramResult more =
      run_program(arguments(on_epyc({"--ranks", "3", "--network", path})));
  EXPECT_EQ(more.exit_code, 2);
  EXPECT_THAT(more.message(), HasSubstr("gathers between at most 2 ranks"));
}

TEST_F(PlanNetworkFileTest, ADamagedOneIsRefusedInOneLine) {
  for (const char* text :
       {"", "{", "[]", R"({"gathers": []})", R"({"gathers": [{"bytes": 1}]})",
        R"({"gathers": [{"bytes": 1, "ranks": 65, "seconds": 1}]})"}) {
    const std::string path = write(text);
    const ProgramResult result =
        run_program(arguments(on_epyc({"--ranks", "2", "--network", path})));
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr("network.json")) << text;
  }
}

TEST(PlanRanksTest, BadInputIsRefusedInOneLine) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--ranks", "0"},
       "--ranks: found \"0\", expected a number from 1 to 64"},
      {{"--ranks", "65"}, "--ranks: found \"65\""},
      {{"--ranks", "1..65"}, "--ranks"},
      {{"--ranks", "4..2"}, "--ranks"},
      {{"--ranks", "2.."}, "--ranks"},
      {{"--ranks", "two"}, "--ranks"},
      {{"--ranks", "2"}, "needs --network: 10gbe"},
      {{"--ranks", "2", "--network", "5g"}, "--network: found \"5g\""},
      {{"--network", "10gbe"}, "--ranks"},
      {{"--ranks", "1", "--tp-draft", "2"}, "--tp-draft"},
      {{"--ranks", "1", "--jitter", "-1"}, "jitter"},
      {{"--ranks", "1", "--seed", "1"}, "--jitter"},
      {{"--sockets", "0"}, "--sockets"},
      {{"--sockets", "4294967297"}, "--sockets"},
  };
  for (const auto& [more, expected] : cases) {
    const ProgramResult result = run_program(arguments(on_epyc(more)));
    EXPECT_EQ(result.exit_code, 2) << expected << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(expected));
  }
  const ProgramResult result = run_program(arguments(
      {"-m", "llama-2-7b", "--measured-tpot", "20", "--sockets", "2"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("--bandwidth"));
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
