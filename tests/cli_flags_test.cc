// What the command line accepts and refuses, whatever the command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

class FlagsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::write_random_model(folder_->path() / "model", {});
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string file(const std::string& name) {
    return (folder_->path() / name).string();
  }

  static void expect_refused(const Arguments& arguments,
                             const std::string& what) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << what << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(what));
  }

  static ProgramResult generate(Arguments more) {
    Arguments arguments = {"generate", "-m", file("model"), "--tokens", "1 5 9",
                           "-n",       "12", "-t",          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  static Json settings(Arguments more) {
    more.emplace_back("--json");
    const ProgramResult result = generate(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out, nullptr, false)["settings"];
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

// The flags with a value that a command's help lists, by their long names.
Arguments flags_with_values(const std::string& command) {
  std::istringstream help(run_program({command, "--help"}).out);
  Arguments flags;
  for (std::string line; std::getline(help, line);) {
    if (line.starts_with("llama.cpp")) break;
    const size_t name = line.find("--");
    if (!line.starts_with("  ") || name == std::string::npos || name > 6) {
      continue;
    }
    const size_t end = line.find(' ', name);
    const bool has_value = end != std::string::npos && end + 1 < line.size() &&
                           line[end + 1] != ' ' && end < 27;
    if (has_value) flags.push_back(line.substr(name, end - name));
  }
  return flags;
}

TEST_F(FlagsTest, NoFlagTakesAnEmptyValueInSilence) {
  for (const std::string command :
       {"generate", "chat", "serve", "score", "tokenize", "inspect", "plan",
        "sweep", "selfcheck", "bench", "synth", "trace", "convert", "render"}) {
    const Arguments flags = flags_with_values(command);
    EXPECT_GE(flags.size(), command == "convert" ? 1u : 2u) << command;
    for (const std::string& flag : flags) {
      // An empty text is a text.
      if (flag == "--prompt" || flag == "--system") continue;
      for (const Arguments& value : {Arguments{flag, ""}, {flag + "="}}) {
        Arguments arguments = {command};
        arguments.insert(arguments.end(), value.begin(), value.end());
        if (flag == "--pair") arguments.emplace_back("");
        const ProgramResult result = run_program(arguments);
        EXPECT_EQ(result.exit_code, 2) << command << " " << flag;
        EXPECT_THAT(result.message(),
                    AllOf(HasSubstr(flag + ": "), HasSubstr("empty")))
            << command;
      }
    }
  }
}

TEST_F(FlagsTest, NumbersAreNumbersThroughAndThrough) {
  for (const std::string value :
       {"99999999999999999999", "-99999999999999999999", "5x", "0x10", "1.5",
        " 5", "1e2"}) {
    for (const std::string flag :
         {"-n", "-t", "-c", "--top-k", "--min-tokens", "--tree-width",
          "--draft-layers", "--draft-max", "-k", "--seed", "--stop-id",
          "--penalty-window", "--logprobs", "--parallel", "--samples"}) {
      const ProgramResult result = generate({flag, value, "--json"});
      EXPECT_EQ(result.exit_code, 2) << flag << " " << value;
      EXPECT_THAT(result.message(), HasSubstr("\"" + value + "\"")) << flag;
    }
  }
  for (const std::string value : {"1e999", "nan", "inf", "0.5x", "0,5"}) {
    for (const std::string flag :
         {"--temperature", "--top-p", "--min-p", "--typical-p",
          "--repetition-penalty", "--frequency-penalty",
          "--synthetic-acceptance"}) {
      const ProgramResult result = generate({flag, value});
      EXPECT_EQ(result.exit_code, 2) << flag << " " << value;
      EXPECT_THAT(result.message(), HasSubstr("\"" + value + "\"")) << flag;
    }
  }
  for (const std::string value : {"5", "5=", "=1", "5=1x", "5=nan", "5=inf",
                                  "5++1", "5*1", "99999999999=1", "5=1e99"}) {
    EXPECT_EQ(generate({"--logit-bias", value}).exit_code, 2) << value;
  }
  // The largest window there is, and one more.
  expect_refused({"generate", "--draft-max", "9223372036854775807"},
                 "--draft-max");
  expect_refused({"bench", "-m", file("model"), "--rows", "2,x"}, "--rows");
  expect_refused({"bench", "-m", file("model"), "-t", "1,99999999999"},
                 "--threads");
}

TEST_F(FlagsTest, AFlagWithoutEffectIsRefused) {
  const std::string model = file("model");
  const Arguments generate = {"generate", "-m", model, "--tokens", "1"};
  const std::vector<std::pair<Arguments, std::string>> more = {
      {{"--system", "x"}, "--chat"},
      {{"--template", "x"}, "--chat"},
      {{"--parallel", "2"}, "--prompts or --samples"},
      {{"--samples", "2"}, "--temperature"},
      {{"--logprobs", "2"}, "--json"},
      {{"--top-k", "5"}, "--temperature"},
      {{"--top-p", "0.5"}, "--temperature"},
      {{"--min-p", "0.5"}, "--temperature"},
      {{"--typical-p", "0.5"}, "--temperature"},
      {{"--penalty-window", "5"}, "--repetition-penalty"},
      {{"--draft-dtype", "q8_0"}, "-d MODEL"},
      {{"--draft-layers", "1"}, "-d MODEL"},
      {{"-k", "4"}, "-d MODEL"},
      {{"--draft-max", "4"}, "-d MODEL"},
      {{"--acceptor", "rejection"}, "-d MODEL"},
      {{"--synthetic-acceptance", "0.5"}, "-d MODEL"},
      {{"--tree-width", "2"}, "tree"},
      {{"-d", model, "--drafter", "ngram"}, "\"model\""},
      {{"--draft-dtype", "q8_0", "--drafter", "ngram"}, "-d MODEL"},
  };
  for (const auto& [flags, what] : more) {
    Arguments arguments = generate;
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    expect_refused(arguments, what);
  }
  expect_refused({"tokenize", "--special", "x"}, "--decode");
  expect_refused({"tokenize", "--decode", "--no-bos", "1"}, "excludes");
  expect_refused({"tokenize", "--json", "--pieces", "x"}, "excludes");
  expect_refused({"bench", "-m", model, "--draft-dtype", "q8_0"}, "--draft");
  expect_refused({"bench", "-m", model, "-k", "3"}, "--draft");
  for (const Arguments& flag :
       std::vector<Arguments>{{"--draft-dtype", "q8_0"},
                              {"--acceptance", "0.5"},
                              {"--max-window", "4"},
                              {"--verify-cost", "2=1.1"}}) {
    expect_refused({"plan", "-m", model, flag[0], flag[1]}, "--draft");
  }
  for (const Arguments& figure : std::vector<Arguments>{
           {"--bandwidth", "10"}, {"--measured-tpot", "20"}}) {
    expect_refused({"plan", "-m", model, figure[0], figure[1], "-t", "2"},
                   "to measure");
  }
  expect_refused({"sweep", "-m", model, "-k", "3", "--drafter", "ngram"},
                 "--windows");
  expect_refused({"sweep", "-m", model, "--top-k", "3"}, "--temperature");
  expect_refused({"selfcheck", "-m", model, "--draft-layers", "1"}, "-d MODEL");
}

// One word compares a run with and without speculation, or greedy with sampled.
TEST_F(FlagsTest, AFlagThatIsSwitchedOffByNameMayStay) {
  EXPECT_EQ(settings({"-d", "none", "-k", "4", "--acceptor", "rejection"})
                .at("window"),
            1);
  EXPECT_EQ(settings({"--drafter", "none", "-k", "4"}).at("window"), 1);
  EXPECT_EQ(settings({"--temperature", "0", "--top-k", "4"}).at("top_k"), 4);
  EXPECT_EQ(settings({"-k", "1"}).at("window"), 1);
}

TEST_F(FlagsTest, WhatLlamaCppsUsersTypeWorksOrSaysWhatToUse) {
  const Json json = settings({"--predict",
                              "5",
                              "-s",
                              "7",
                              "--temp",
                              "0.5",
                              "--repeat-penalty",
                              "1.1",
                              "--repeat-last-n",
                              "64",
                              "-ctk",
                              "bf16",
                              "-ctv",
                              "bf16",
                              "--logit-bias",
                              "5+1",
                              "-l",
                              "6-0.5",
                              "--typical",
                              "0.9",
                              "--ctx-size",
                              "64"});
  EXPECT_EQ(json["max_tokens"], 5);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["temperature"], 0.5);
  EXPECT_EQ(json["repetition_penalty"], 1.1);
  EXPECT_EQ(json["penalty_window"], 64);
  EXPECT_EQ(json["kv_dtype"], "bf16");
  EXPECT_EQ(json["logit_bias"], (Json{{"5", 1.0}, {"6", -0.5}}));
  EXPECT_EQ(json["typical_p"], 0.9);
  EXPECT_EQ(json["n_positions"], 64);
  EXPECT_EQ(settings({"-n7", "-s3"})["max_tokens"], 7);

  const std::vector<std::pair<Arguments, std::string>> refused = {
      {{"-ngl", "0"}, "processor alone"}, {{"-fa", "on"}, "leave it out"},
      {{"-sys", "x"}, "--chat"},          {{"-nkvo"}, "leave it out"},
      {{"--mlock"}, "leave it out"},      {{"-cnv"}, "pilotfish chat"},
      {{"--mirostat", "2"}, "--top-p"},
  };
  for (const auto& [flags, what] : refused) {
    Arguments arguments = {"generate", "-m", file("model"), "--tokens", "1"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    expect_refused(arguments, what);
  }
  expect_refused({"tokenize", "-ctk", "q8_0", "x"}, "--kv-dtype");
}

TEST_F(FlagsTest, HelpListsLlamaCppsNames) {
  const std::string help = run_program({"generate", "--help"}).out;
  for (const char* name : {"-ctk", "-md", "-hf", "--predict", "-sys", "-r",
                           "--repeat-last-n", "--escape"}) {
    EXPECT_THAT(help, HasSubstr(name));
  }
  EXPECT_THAT(help, Not(HasSubstr("-ngl")));
  EXPECT_THAT(run_program({"convert", "--help"}).out, Not(HasSubstr("-hf")));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST_F(FlagsTest, MisspeltNamesGetTheNearest) {
  expect_refused({"genrate"}, "genrate is not a command; is it generate?");
  expect_refused({"generate", "--temprature", "1"}, "--temperature?");
  expect_refused({"score", "--kv_dtype", "f16"}, "--kv-dtype?");
  expect_refused({"frobnicate"}, "frobnicate is not a command (see");
}

TEST_F(FlagsTest, SeedsOfMinusOneAreRandom) {
  const Json first = settings({"--seed", "-1"});
  EXPECT_NE(first["seed"], settings({"-s", "-1"})["seed"]);
  EXPECT_NE(first["seed"], settings({"--seed", "random"})["seed"]);
}

// 0 looks at no tokens, -1 at all of them, as in llama.cpp.
TEST_F(FlagsTest, RepeatLastNIsThatOfLlamaCpp) {
  const auto tokens = [](const std::string& window) {
    const ProgramResult result =
        generate({"--repeat-penalty", "3", "--repeat-last-n", window, "-n",
                  "40", "--ignore-eos"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  const std::string plain = generate({"-n", "40", "--ignore-eos"}).out;
  const std::string penalised =
      generate({"--repeat-penalty", "3", "-n", "40", "--ignore-eos"}).out;
  EXPECT_NE(penalised, plain);
  EXPECT_EQ(tokens("0"), plain);
  EXPECT_EQ(tokens("-1"), penalised);
  EXPECT_EQ(tokens("100000"), penalised);
  expect_refused({"generate", "-m", file("model"), "--tokens", "1",
                  "--repeat-penalty", "3", "--repeat-last-n", "-2"},
                 "penalty_window");
}

TEST_F(FlagsTest, EscapesAreReadWhereTheFlagSaysSo) {
  const auto ids = [](const Arguments& more, const std::string& in = "") {
    Arguments arguments = {"tokenize", "--no-bos"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, {.in = in});
  };
  const std::string broken = ids({}, "One\nTom").out;
  const std::string whole = ids({}, "One\\nTom").out;
  ASSERT_NE(broken, whole);
  EXPECT_EQ(ids({"-e", "One\\nTom"}).out, broken);
  EXPECT_EQ(ids({"-p", "One\\x0aTom", "--escape"}).out, broken);
  const ProgramResult silent = ids({"--no-escape", "One\\nTom"});
  EXPECT_EQ(silent.out, whole);
  EXPECT_EQ(silent.err, "");
  const ProgramResult noted = ids({"-p", "One\\nTom"});
  EXPECT_EQ(noted.out, whole);
  EXPECT_THAT(noted.err, HasSubstr("-e reads it as a line break"));
  // What a file or a pipe brings is as it is.
  EXPECT_EQ(ids({"-e"}, "One\\nTom").out, whole);
}

TEST_F(FlagsTest, TextComesInTheSameWaysEverywhere) {
  const std::string text = "Once upon a time";
  const std::string path = file("text");
  std::ofstream(path) << text;
  for (const Arguments& command :
       {Arguments{"generate", "-n", "3"}, {"score"}, {"tokenize"}}) {
    const auto run = [&](const Arguments& more, const std::string& in = "") {
      Arguments arguments = command;
      arguments.insert(arguments.end(), more.begin(), more.end());
      const ProgramResult result = run_program(arguments, {.in = in});
      EXPECT_EQ(result.exit_code, 0) << result.err;
      return result.out;
    };
    const std::string expected = run({}, text);
    for (const Arguments& way : std::vector<Arguments>{{text},
                                                       {"--", text},
                                                       {"-p", text},
                                                       {"--text", text},
                                                       {"--prompt", text},
                                                       {"-f", path},
                                                       {"--file", path}}) {
      EXPECT_EQ(run(way), expected) << command[0] << " " << way[0];
    }
    EXPECT_EQ(run({"-f", "-"}, text), expected);
    Arguments twice = command;
    twice.insert(twice.end(), {"-p", text, text});
    expect_refused(twice, "excludes");
  }
  const std::string page = file("page.html");
  EXPECT_EQ(run_program({"trace", text, "-n", "3", "-o", page}).exit_code, 0);
}

TEST_F(FlagsTest, TheModelThatShipsIsTheDefaultEverywhere) {
  EXPECT_THAT(run_program({"inspect"}).out, HasSubstr("pilotfish-stories"));
  EXPECT_EQ(run_program({"score", "Once"}).exit_code, 0);
  EXPECT_EQ(run_program({"tokenize", "Once"}).exit_code, 0);
  EXPECT_EQ(run_program({"plan", "--bandwidth", "10"}).exit_code, 0);
}

TEST_F(FlagsTest, OrganisationAndNameAreFoundInTheHubCache) {
  const std::filesystem::path hub = file("hub");
  const auto snapshots = hub / "models--org--name" / "snapshots";
  std::filesystem::create_directories(snapshots);
  std::filesystem::create_directories(hub / "models--org--name" / "refs");
  std::ofstream(hub / "models--org--name" / "refs" / "main") << "abc123";
  std::filesystem::create_symlink(file("model"), snapshots / "abc123");
  const auto run = [&](const Arguments& arguments) {
    return run_program(arguments,
                       {.in = "", .environment = {{"HF_HUB_CACHE", hub}}});
  };
  for (const char* flag : {"-m", "--model", "-hf", "--hf-repo"}) {
    const ProgramResult result =
        run({"generate", flag, "org/name", "--tokens", "1 5 9", "-n", "12"});
    EXPECT_EQ(result.out, generate({}).out) << flag << result.err;
  }
  EXPECT_EQ(run({"generate", "-m", file("model"), "-hfd", "org/name",
                 "--tokens", "1 5 9", "-n", "12"})
                .exit_code,
            0);
  EXPECT_EQ(run({"inspect", "org/name"}).exit_code, 0);
  EXPECT_EQ(run({"score", "-m", "org/name", "--tokens", "1 2"}).exit_code, 0);
  EXPECT_EQ(run({"convert", "org/name", file("out.gguf")}).exit_code, 0);
  const ProgramResult missing =
      run({"generate", "-m", "other/name", "--tokens", "1"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.message(), HasSubstr("hf download other/name"));
}

}  // namespace
}  // namespace pilotfish
