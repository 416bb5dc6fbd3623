// What the program does to files, and says about files that are not as they
// should be. No data needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"
#include "random_model.h"
#include "running_program.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::run_program;
using test::RunningProgram;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CliFilesTest : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  std::string model(const test::RandomModelOptions& options = {}) const {
    test::write_random_model(at("model"), options);
    return at("model");
  }
  // Of what lies in the folder `name`.
  static size_t count(const fs::path& folder) {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder),
                                             fs::directory_iterator()));
  }
  std::vector<std::string> synth(const std::string& file) const {
    return {"synth", "--shape", "stories-260k", "-t", "1", "-o", file};
  }

  const test::TemporaryFolder folder_;
};

TEST_F(CliFilesTest, ModelsReplaceNothingWithoutForce) {
  std::ofstream(at("m.gguf")) << "precious";
  const std::vector<std::vector<std::string>> commands = {
      {"convert", model(), at("m.gguf")},
      synth(at("m.gguf")),
      {"synth", "--shape", "stories-260k", "-t", "1", "--pair", at("t.gguf"),
       at("m.gguf")}};
  for (const auto& command : commands) {
    const ProgramResult refused = run_program(command);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.message(), AllOf(HasSubstr("m.gguf: already exists"),
                                         HasSubstr("--force")));
    EXPECT_EQ(test::read_file(at("m.gguf")), "precious");
  }
  for (size_t i = 0; i < 2; ++i) {
    std::vector<std::string> forced = commands[i];
    forced.push_back("--force");
    EXPECT_EQ(run_program(forced).exit_code, 0);
    EXPECT_EQ(run_program({"inspect", at("m.gguf")}).exit_code, 0);
  }
}

TEST_F(CliFilesTest, InspectsTheMachine) {
  using nlohmann::json;
  const auto machine = json::parse(
      run_program({"inspect", "--machine", "--json", "-t", "2"}).out);
  EXPECT_EQ(machine["threads"], 2);
  EXPECT_GE(machine["nodes"].size(), 1U);
  EXPECT_FALSE(machine.contains("placement"));
  const auto with_model = json::parse(
      run_program({"inspect", "--machine", "--json", "-t", "2", model(),
                   "--kv-dtype", "f32", "--n-positions", "32"})
          .out);
  std::int64_t kv_cache = 0;
  for (const json& node : with_model["placement"]["nodes"]) {
    kv_cache += node["kv_cache"].get<std::int64_t>();
  }
  EXPECT_EQ(kv_cache, 32 * 2 * 2 * 2 * 16 * 4);  // layers, k and v, heads
  EXPECT_THAT(run_program({"inspect", "--machine"}).out,
              AllOf(HasSubstr("sockets"), HasSubstr("placement")));
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"inspect", "-t", "2"},
        {"inspect", "--machine", "-t", "5000"},
        {"inspect", "--machine", "--check"},
        {"inspect", "--machine", "--tensors"}}) {
    EXPECT_EQ(run_program(wrong).exit_code, 2);
  }
}

// Whatever ends the program before a file is complete, nothing stays of it.
TEST_F(CliFilesTest, SignalsLeaveNothingUnfinished) {
  fs::create_directory(at("out"));
  const std::vector<std::vector<std::string>> commands = {
      {"synth", "--shape", "llama-2-7b", "-t", "1", "-o", at("out/m.gguf")},
      {"synth", "--shape", "tinyllama-1.1b", "-t", "1", "--pair",
       at("out/t.gguf"), at("out/d.gguf")}};
  for (const auto& command : commands) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      RunningProgram program(command);
      EXPECT_TRUE(program.wait_until([&] { return count(at("out")) > 0; }));
      EXPECT_EQ(program.kill(signal).exit_code, 128 + signal);
      EXPECT_EQ(count(at("out")), 0U) << signal;
    }
  }
}

TEST_F(CliFilesTest, ReportsLeaveNothingUnfinished) {
  fs::create_directory(at("out"));
  RunningProgram program({"sweep", "-t", "1", "--html", at("out/page.html")});
  ASSERT_TRUE(program.wait_until([&] { return count(at("out")) > 0; }));
  EXPECT_EQ(program.kill(SIGTERM).exit_code, 128 + SIGTERM);
  EXPECT_EQ(count(at("out")), 0U);
}

// A limit on the size of files fails as a full disk does, with a line.
TEST_F(CliFilesTest, FilesBeyondTheLimitAreAnError) {
  const std::string from = model();
  fs::create_directory(at("out"));
  const std::vector<std::vector<std::string>> commands = {
      {"convert", from, at("out/m.gguf")}, synth(at("out/m.gguf"))};
  for (const auto& command : commands) {
    RunningProgram program(command,
                           [] { test::limit_resource(RLIMIT_FSIZE, 10'000); });
    const ProgramResult result = program.wait();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("m.gguf: cannot write: File too large"));
    EXPECT_EQ(count(at("out")), 0U);
  }
}

// Weights in f32 are used where they lie, in the mapped file.
TEST_F(CliFilesTest, AModelTruncatedWhileInUseIsOneLine) {
  const std::string target = model({.n_positions = 1'000'000});
  RunningProgram program({"generate", "-m", target, "-d", "none", "--tokens",
                          "1 2 3", "-n", "900000", "-c", "1000000", "-t", "1",
                          "--ignore-eos"});
  const bool generates = program.wait_until([&] {
    std::error_code none;
    return fs::exists(program.out(), none) && fs::file_size(program.out()) > 0;
  });
  ASSERT_TRUE(generates) << program.wait().err;
  fs::resize_file(target + "/model.safetensors", 100);
  const ProgramResult result = program.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("pilotfish: " + target +
                                    "/model.safetensors: cannot be read any "
                                    "more: the file was truncated"));
}

#ifndef PILOTFISH_SANITIZED
// Sanitizers need more address space than any limit leaves.
TEST_F(CliFilesTest, MemoryThatIsNotThereIsNamed) {
  const auto run_limited = [](const std::vector<std::string>& arguments) {
    return RunningProgram(
               arguments,
               [] { test::limit_resource(RLIMIT_AS, rlim_t{3} << 30); })
        .wait();
  };
  const std::string target = model({.n_positions = 100'000'000});
  const ProgramResult cache =
      run_limited({"generate", "-m", target, "-d", "none", "--tokens", "1",
                   "-t", "1", "-n", "4", "-c", "100000000"});
  EXPECT_EQ(cache.exit_code, 1);
  EXPECT_THAT(
      cache.err,
      AllOf(HasSubstr("not enough memory: 23.8 GiB asked for a KV cache "
                      "of 1 x 100000000 positions"),
            HasSubstr("ulimit -v allows 3.0 GiB")));
  std::ofstream{at("huge.gguf")};
  fs::resize_file(at("huge.gguf"), std::uintmax_t{8} << 30);
  EXPECT_THAT(
      run_limited({"inspect", at("huge.gguf")}).err,
      AllOf(HasSubstr("8.0 GiB asked for mapping"), HasSubstr("huge.gguf")));
}
#endif

TEST_F(CliFilesTest, MoreLayersThanTheConfigSaysAskForAFlag) {
  const std::string target = model({.n_layers = 3});
  auto config = nlohmann::json::parse(test::read_file(target + "/config.json"));
  config["num_hidden_layers"] = 2;
  std::ofstream(target + "/config.json") << config.dump();
  const std::vector<std::string> generate = {
      "generate", "-m", target, "--tokens", "1 2", "-n", "3", "-d", "none"};
  const ProgramResult refused = run_program(generate);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.message(), HasSubstr("--n-layers 2"));
  EXPECT_EQ(run_program({"convert", target, at("m.gguf")}).exit_code, 1);
  std::vector<std::string> truncated = generate;
  truncated.insert(truncated.end(), {"--n-layers", "2"});
  EXPECT_EQ(run_program(truncated).exit_code, 0);
  truncated.back() = "3";
  EXPECT_EQ(run_program(truncated).exit_code, 2);
}

TEST_F(CliFilesTest, KeepsInBf16WhatABlockDoesNotDivideAndSaysSo) {
  const std::string target = model({.intermediate_size = 100});
  const std::vector<std::string> score = {
      "score", "-m", target, "--tokens", "1 2 3", "--dtype", "q4_0"};
  const ProgramResult noted = run_program(score);
  EXPECT_EQ(noted.exit_code, 0);
  EXPECT_THAT(noted.err, HasSubstr("2 matrices are stored in bf16"));
  std::vector<std::string> strict = score;
  strict.emplace_back("--strict-dtype");
  const ProgramResult refused = run_program(strict);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.message(), HasSubstr("mlp.down_proj.weight: q4_0 packs"));
  const ProgramResult converted =
      run_program({"convert", target, at("m.gguf"), "--dtype", "q4_0"});
  EXPECT_EQ(converted.exit_code, 0);
  EXPECT_THAT(converted.err, HasSubstr("note: 2 matrices are stored in bf16"));
}

TEST_F(CliFilesTest, SaysWhatToDoWithOneFileOfAFolder) {
  const ProgramResult result = run_program(
      {"generate", "-m", model() + "/model.safetensors", "--tokens", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.message(),
              HasSubstr("give the folder itself: " + at("model")));
  // Text needs the tokenizer, which is looked for first.
  std::ofstream(at("m.gguf")) << "version https://git-lfs.github.com/spec/v1\n";
  EXPECT_THAT(
      run_program({"generate", "-m", at("m.gguf"), "-p", "x"}).message(),
      HasSubstr("m.gguf: a git-lfs pointer"));
  EXPECT_THAT(
      run_program({"tokenize", "-m", at("model/model.safetensors"), "x"})
          .message(),
      HasSubstr("give the folder itself: "));
}

}  // namespace
}  // namespace pilotfish
