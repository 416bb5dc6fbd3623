// `pilotfish synth` and `pilotfish bench` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using Json = nlohmann::json;

using Arguments = std::vector<std::string>;

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class BenchProgramTest : public ::testing::Test {
 protected:
  std::string path(const char* name) const {
    return (folder_.path() / name).string();
  }
  void synth(const Arguments& more) const {
    const ProgramResult result = run_program(
        Arguments{"synth", "--shape", "stories-260k", "-t", "1"} + more);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr(more.back()));
  }
  std::string bench(const Arguments& more) const {
    const ProgramResult result = run_program(
        Arguments{"bench", "-m", path("m.gguf"), "-d", path("m.gguf"), "-p",
                  "32", "-n", "24", "-t", "1", "--rows", "2,4", "-r", "2"} +
        more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(BenchProgramTest, SynthWritesWhatInspectReads) {
  synth({"--layers", "3", "--dtype", "q8_0", "-o", path("m.gguf")});
  const ProgramResult result =
      run_program({"inspect", "--json", path("m.gguf")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["config"]["n_layers"], 3);
  EXPECT_EQ(json["config"]["hidden_size"], 64);
  EXPECT_EQ(json["config"]["tied_embeddings"], true);
  const ProgramResult text =
      run_program({"generate", "-m", path("m.gguf"), "-d", "none", "-p",
                   "a fish", "-n", "5", "--ignore-eos"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_FALSE(text.out.empty());
}

TEST_F(BenchProgramTest, SynthWritesAPair) {
  const ProgramResult result = run_program(
      {"synth", "--shape", "stories-260k", "--pair", path("t.gguf"),
       path("d.gguf"), "--agreement", "0.7", "--draft-layers", "1", "-t", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* expected :
       {"t.gguf (5 layers", "d.gguf (1 layers", "agreement", "asked for 0.7",
        "variety", "scale"}) {
    EXPECT_THAT(result.out, HasSubstr(expected));
  }
}

TEST_F(BenchProgramTest, BenchJsonHasEveryFigure) {
  synth({"-o", path("m.gguf")});
  const Json json =
      Json::parse(bench({"--json", "-k", "2,4", "--contexts", "128"}));
  EXPECT_EQ(json["model"], path("m.gguf"));
  EXPECT_EQ(json["repetitions"], 2);
  EXPECT_TRUE(json["synthetic_acceptance"].is_null());
  ASSERT_EQ(json["runs"].size(), 1u);
  const Json& run = json["runs"][0];
  EXPECT_EQ(run["threads"], 1);
  for (const Json& spread :
       {run["machine"]["read_bytes_per_second"],
        run["prefill_tokens_per_second"], run["plain"]["tokens_per_second"],
        run["pass"]["seconds"], run["pass"]["bandwidth_share"],
        run["rows"][0]["ratio"], run["contexts"][0]["ratio"],
        run["speculation"][1]["speedup"],
        run["speculation"][1]["draft_row_seconds"]}) {
    EXPECT_GT(spread["p10"], 0.0);
    EXPECT_LE(spread["p10"], spread["median"]);
    EXPECT_LE(spread["median"], spread["p90"]);
  }
  // A difference of times, below 0 where the machine was busy with the smaller.
  const Json& layer = run["pass"]["layer_seconds"];
  EXPECT_LE(layer["p10"], layer["median"]);
  EXPECT_LE(layer["median"], layer["p90"]);
  EXPECT_EQ(run["rows"][1]["rows"], 4);
  EXPECT_EQ(run["contexts"][0]["context"], 128);
  EXPECT_EQ(run["speculation"][1]["window"], 4);
  EXPECT_EQ(run["speculation"][1]["acceptance"], 1.0);  // its own draft
  EXPECT_GT(run["speculation"][1]["limit_speedup"], 0.0);
  EXPECT_GT(run["speculation"][1]["predicted_speedup"], 0.0);
}

TEST_F(BenchProgramTest, BenchTablesReadWell) {
  synth({"-o", path("m.gguf")});
  const std::string text = bench({"--synthetic-acceptance", "0.8"});
  for (const char* expected :
       {"(q4_0)", "1 thread, ", "| reading memory, GB/s", "| prefill of 32",
        "| decoding 24", "| T(m)/T(1) |", "| speed-up |",
        "synthetic acceptance 0.8", "| tokens/pass |"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
  // The columns of a table stand under each other.
  std::istringstream lines(text);
  size_t width = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('|')) {
      width = 0;
      continue;
    }
    if (width == 0) width = line.size();
    EXPECT_EQ(line.size(), width) << line;
  }
}

TEST_F(BenchProgramTest, BenchCsvHasAFigureALine) {
  synth({"-o", path("m.gguf")});
  const std::string text = bench({"--csv", "-t", "1,2"});
  EXPECT_TRUE(text.starts_with("model,threads,test,at,unit,median,p10,p90\n"));
  for (const char* expected :
       {",1,read,,bytes/s,", ",2,read,,bytes/s,", ",1,pass_ratio,4,ratio,",
        ",2,prefill,32,tokens/s,", ",1,speedup,5,ratio,"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(BenchProgramTest, BadInputIsRefusedInOneLine) {
  synth({"--layers", "1", "-o", path("m.gguf")});
  const std::string model = path("m.gguf");
  const Arguments shape = {"synth", "--shape", "stories-260k"};
  const std::pair<Arguments, const char*> cases[] = {
      {{"synth", "-o", "x.gguf"}, "--shape"},
      {{"synth", "--shape", "llama-9", "-o", "x.gguf"}, "plan --shapes"},
      {shape, "-o FILE.gguf"},
      {shape + Arguments{"-o", "x.bin"}, ".gguf"},
      {shape + Arguments{"-o", "x.gguf", "--dtype", "q4_k"}, "q4_k"},
      {shape + Arguments{"-o", "x.gguf", "--layers", "6"}, "--layers: found 6"},
      {shape + Arguments{"-o", "x.gguf", "--agreement", "0.5"}, "--pair"},
      {shape + Arguments{"--pair", "a.gguf"}, "--pair"},
      {shape + Arguments{"--pair", "a.gguf", "a.gguf"}, "same file"},
      {shape + Arguments{"--pair", "a.gguf", "b.gguf", "--agreement", "2"},
       "agreement: found 2"},
      {{"bench", "-m", model, "-t", "-1"}, "-1"},
      {{"bench", "-m", model, "-r", "0"}, "repetitions: found 0"},
      {{"bench", "-m", model, "-p", "513"}, "prompt tokens: found 513"},
      {{"bench", "-m", model, "--rows", "1"}, "rows: found 1"},
      {{"bench", "-m", model, "--json", "--csv"}, "--csv"},
      {{"bench", "-m", model, "--synthetic-acceptance", "0.8"}, "-d MODEL"},
  };
  for (const auto& [arguments, message] : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << message << ": " << result.err;
    EXPECT_EQ(result.out, "") << message;
    EXPECT_THAT(result.message(), HasSubstr(message));
  }
  EXPECT_FALSE(std::filesystem::exists("x.gguf"));
}

}  // namespace
}  // namespace pilotfish
