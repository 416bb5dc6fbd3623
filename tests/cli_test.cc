// The program with small random models: no data needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class CliTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.15;
    test::write_random_model(folder_->path() / "draft", options);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string target() { return (folder_->path() / "target").string(); }
  static std::string draft() { return (folder_->path() / "draft").string(); }
  static std::string file(const std::string& name) {
    return (folder_->path() / name).string();
  }

  static ProgramResult generate(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"generate", "-m",       target(),
                                          "--tokens", "1 5 9 33", "-n",
                                          "40",       "-t",       "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  static Json generate_json(std::vector<std::string> more) {
    more.push_back("--json");
    const ProgramResult result = generate(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(CliTest, HelpGoesToStandardOutput) {
  const ProgramResult all = run_program({"--help"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_EQ(all.err, "");
  for (const std::string command : {"generate", "chat", "score", "tokenize",
                                    "inspect", "plan", "convert"}) {
    EXPECT_THAT(all.out, HasSubstr(command));
    const ProgramResult help = run_program({command, "-h"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: pilotfish " + command));
  }
  EXPECT_THAT(run_program({"--version"}).out, HasSubstr("pilotfish "));
}

TEST_F(CliTest, UsageErrorsExitWithTwoAndOneLine) {
  EXPECT_EQ(run_program({}).exit_code, 2);
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--wrong"}, "--wrong"},
      {{"generate", "--wrong"}, "--wrong"},
      {{"generate", "-m", target(), "--top-k", "many"}, "--top-k"},
      {{"generate", "-m", target(), "--tokens", "1 x"}, "\"x\""},
      {{"generate", "-m", target(), "--tokens", " "}, "--tokens"},
      {{"generate", "-m", target(), "--tokens", "500"}, "500"},
      {{"generate", "-m", target(), "-p", "text"}, "no tokenizer"},
      {{"generate", "-m", target(), "-p", "a", "--tokens", "1"}, "--tokens"},
      {{"generate", "-m", target(), "--tokens", "1", "--dtype", "q9"}, "q9"},
      {{"generate", "-m", target(), "--tokens", "1", "--kv-dtype", "q4_0"},
       "--kv-dtype"},
      {{"generate", "-m", target(), "-d", draft(), "--tokens", "1",
        "--acceptor", "kind"},
       "kind"},
      {{"generate", "-m", target(), "--tokens", "1", "--seed", "soon"}, "soon"},
      {{"generate", "-m", target(), "--tokens", "1", "--temperature", "-1"},
       "temperature"},
      {{"generate", "-m", target(), "--tokens", "1", "--logit-bias", "5"},
       "--logit-bias"},
      {{"generate", "-m", target(), "-d", draft(), "--tokens", "1", "-k", "0"},
       "window"},
      {{"generate", "-m", target(), "--tokens", "1", "-k", "0"}, "--window"},
      {{"generate", "-m", target(), "--tokens", "1", "-k", "2x"}, "\"2x\""},
      {{"generate", "-m", target(), "--tokens", "1", "--draft-max", "-1"},
       "--draft-max"},
      {{"generate", "-m", target(), "--tokens", "1", "-n", "0"},
       "--max-tokens"},
      {{"generate", "-m", target(), "--tokens", "1", "-t", "-2"}, "-2"},
      {{"generate", "-m", target(), "--prompts", "x"}, "--json"},
      {{"chat", "-m", target()}, "tokenizer"},
      {{"score", "-m", target(), "--text", "x"}, "no tokenizer"},
      {{"score", "-m", target(), "--tokens", "1", "--top", "-1"}, "--top"},
  };
  for (const auto& [arguments, expected] : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << expected << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(expected));
  }
}

TEST_F(CliTest, WithoutADefaultModelItSaysWhatToGive) {
  const ProgramResult result =
      run_program({"generate", "-p", "x", "-d", "none", "-n", "1"});
  // Where the shipped models lie beside this build, they serve.
  if (result.exit_code == 0) GTEST_SKIP() << "the shipped models are there";
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("-m"));
}

TEST_F(CliTest, RuntimeErrorsExitWithOneAndNameTheFile) {
  std::filesystem::create_directories(file("broken"));
  std::ofstream(file("broken/config.json")) << "{";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"generate", "-m", file("nothing"), "--tokens", "1"}, "nothing"},
      {{"generate", "-m", file("broken"), "--tokens", "1"}, "config.json"},
      {{"generate", "-m", target(), "-d", file("nothing"), "--tokens", "1"},
       "nothing"},
      {{"generate", "-m", target(), "-d", draft(), "--tokens", "1",
        "--acceptor", file("no.so")},
       "no.so"},
      {{"inspect", file("nothing")}, "nothing"},
      {{"tokenize", "-m", target(), "x"}, "target"},
      {{"convert", file("nothing"), file("out.gguf")}, "nothing"},
      {{"score", "-m", target(), "--tokens", "1", "--logits",
        file("no/such/folder.npy")},
       "folder.npy"},
  };
  for (const auto& [arguments, expected] : cases) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 1) << expected << ": " << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(expected));
  }
}

TEST_F(CliTest, TokensAloneGoToStandardOutput) {
  const ProgramResult result = generate({});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, ::testing::MatchesRegex("([0-9]+ ){39}[0-9]+"));
  for (const char* word : {"prompt", "generated", "tokens/s", "p99", "kv cache",
                           "no draft model"}) {
    EXPECT_THAT(result.err, HasSubstr(word));
  }
}

TEST_F(CliTest, JsonTellsEverything) {
  const Json json = generate_json({"-d", draft(), "-k", "4", "--seed", "9",
                                   "--temperature", "0.7", "--ignore-eos"});
  EXPECT_EQ(json["tokens"].size(), 40u);
  EXPECT_EQ(json["origins"].size(), 40u);
  EXPECT_TRUE(json["text"].is_null());
  EXPECT_EQ(json["finish_reason"], "max_tokens");
  EXPECT_EQ(json["prompt_tokens"], Json({1, 5, 9, 33}));
  EXPECT_EQ(json["acceptor"], "block");
  EXPECT_EQ(json["lossless"], true);
  EXPECT_EQ(json["synthetic"], false);
  EXPECT_EQ(json["seed"], 9);
  EXPECT_EQ(json["settings"]["window"], 4);
  EXPECT_EQ(json["settings"]["temperature"], 0.7);
  EXPECT_EQ(json["model"]["path"], target());
  EXPECT_EQ(json["draft"]["path"], draft());
  std::int64_t emitted = 0;
  for (const Json& iteration : json["iterations"]) {
    EXPECT_LE(iteration["accepted"], iteration["drafted"]);
    EXPECT_LE(iteration["emitted"], iteration["window"]);
    EXPECT_LE(iteration["window"], 4);
    EXPECT_GT(iteration["verify_seconds"], 0);
    emitted += iteration["emitted"].get<std::int64_t>();
  }
  EXPECT_EQ(emitted, 40);
  EXPECT_GT(json["timings"]["ttft_seconds"], 0);
  EXPECT_GT(json["kv_cache_bytes"], 0);
}

TEST_F(CliTest, WindowsAreAutomaticUnlessFixed) {
  const Json json = generate_json({"-d", draft(), "-k", "auto"});
  EXPECT_EQ(json["settings"]["window"], "auto");
  EXPECT_EQ(json["tokens"], generate_json({})["tokens"]);
  EXPECT_EQ(generate_json({"-d", draft()})["settings"]["window"], "auto");
  double sum = 0;
  std::set<std::int64_t> windows;
  for (size_t i = 1; i < json["iterations"].size(); ++i) {
    const std::int64_t window = json["iterations"][i]["window"];
    windows.insert(window);
    sum += static_cast<double>(window);
  }
  EXPECT_GT(windows.size(), 1u);
  EXPECT_NEAR(json["mean_window"],
              sum / static_cast<double>(json["iterations"].size() - 1), 1e-9);
  const ProgramResult text =
      run_program({"generate", "-m", target(), "-d", draft(), "--tokens",
                   "1 5 9 33", "-n", "40"});
  EXPECT_THAT(text.err, HasSubstr("window      auto, "));
}

TEST_F(CliTest, SpeculationDoesNotChangeGreedyText) {
  const Json plain = generate_json({});
  for (const std::string window : {"1", "2", "5", "16"}) {
    EXPECT_EQ(generate_json({"-d", draft(), "-k", window})["tokens"],
              plain["tokens"]);
  }
  EXPECT_EQ(
      generate_json({"-md", draft(), "--draft-max", "3"})["settings"]["window"],
      4);
  // The target itself, cut after its first layer, as the draft.
  const Json cut = generate_json({"-d", target(), "--draft-layers", "1"});
  EXPECT_EQ(cut["tokens"], plain["tokens"]);
  EXPECT_EQ(cut["draft"]["n_layers"], 1);
}

TEST_F(CliTest, SameSeedSameText) {
  const std::vector<std::string> flags = {
      "-d", draft(), "-k", "5", "--temperature", "1", "--seed"};
  const auto with_seed = [&](const std::string& seed) {
    std::vector<std::string> more = flags;
    more.push_back(seed);
    return generate_json(more);
  };
  EXPECT_EQ(with_seed("7")["tokens"], with_seed("7")["tokens"]);
  EXPECT_NE(with_seed("7")["tokens"], with_seed("8")["tokens"]);
  EXPECT_NE(with_seed("random")["seed"], with_seed("random")["seed"]);
}

TEST_F(CliTest, SyntheticAcceptanceIsMarked) {
  const std::vector<std::string> flags = {"-d", draft(),
                                          "--synthetic-acceptance", "1"};
  const Json json = generate_json(flags);
  EXPECT_EQ(json["synthetic"], true);
  EXPECT_EQ(json["lossless"], false);
  EXPECT_EQ(json["acceptance"]["rate"], 1);
  EXPECT_THAT(generate(flags).err, HasSubstr("not a model's text"));
  std::vector<std::string> both = flags;
  both.insert(both.end(), {"--acceptor", "rejection"});
  EXPECT_EQ(generate(both).exit_code, 2);
}

TEST_F(CliTest, AnAcceptorOfOnesOwnLoadsAndIsCalledLossy) {
  const std::vector<std::string> flags = {"-d", draft(), "--acceptor",
                                          PILOTFISH_EXAMPLE_ACCEPTOR};
  const Json json = generate_json(flags);
  EXPECT_EQ(json["acceptor"], "likely-enough");
  EXPECT_EQ(json["lossless"], false);
  EXPECT_THAT(generate(flags).err, HasSubstr("likely-enough (lossy)"));
}

TEST_F(CliTest, TheLastOfAFlagCountsUnlessItRepeats) {
  const Json plain = generate_json({"-n", "12", "-n", "8"});
  ASSERT_EQ(plain["tokens"].size(), 8u);
  const std::string first = std::to_string(plain["tokens"][0].get<int>());
  const std::string second = std::to_string(plain["tokens"][1].get<int>());
  const Json banned = generate_json(
      {"--logit-bias", first + "=-inf", "--logit-bias", second + "=-inf"});
  EXPECT_EQ(banned["settings"]["logit_bias"].size(), 2u);
}

TEST_F(CliTest, StopIdsAndBiasAreObeyed) {
  const Json plain = generate_json({});
  const int third = plain["tokens"][2];
  const Json stopped = generate_json({"--stop-id", std::to_string(third)});
  EXPECT_LE(stopped["tokens"].size(), 3u);
  EXPECT_EQ(stopped["tokens"].back(), third);
  EXPECT_EQ(stopped["finish_reason"], "stop_token");
  const Json banned =
      generate_json({"--logit-bias", std::to_string(third) + "=-inf"});
  for (const Json& token : banned["tokens"]) EXPECT_NE(token, third);
}

TEST_F(CliTest, ManyPromptsGiveALineEach) {
  // Without a tokenizer there is no text to read.
  std::ofstream(file("prompts")) << "one\ntwo\n";
  const ProgramResult result = run_program(
      {"generate", "-m", target(), "--prompts", file("prompts"), "--json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.message(), HasSubstr("no tokenizer"));
}

TEST_F(CliTest, AClosedPipeEndsQuietly) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const test::TemporaryFolder folder;
  const auto errors = folder.path() / "err";
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_IGN);  // as some parents leave it
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    test::exec_program({"generate", "-m", target(), "--tokens", "1", "-t", "1"},
                       {});
  }
  ::close(ends[0]);
  ::close(ends[1]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(test::read_file(errors), "");
}

TEST_F(CliTest, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const test::TemporaryFolder folder;
  const auto errors = folder.path() / "err";
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
    ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    test::exec_program({"generate", "-m", target(), "--tokens", "1", "-t", "1"},
                       {});
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(test::exit_code(status), 1);
  EXPECT_THAT(test::read_file(errors), HasSubstr("standard output"));
}

TEST_F(CliTest, ScoreAgreesWithItsLogits) {
  const std::string npy = file("logits.npy");
  const ProgramResult result =
      run_program({"score", "-m", target(), "--tokens", "1 5 9 33 2", "--top",
                   "3", "--logits", npy, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const Json json = Json::parse(result.out);
  const std::string bytes = test::read_file(npy);
  ASSERT_TRUE(bytes.starts_with(std::string("\x93NUMPY\x01\x00", 8)));
  const size_t header = 10 + static_cast<unsigned char>(bytes[8]) +
                        256 * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ(header % 64, 0u);
  EXPECT_THAT(bytes.substr(10, header - 10),
              HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': "
                        "(5, 128), }"));
  ASSERT_EQ(bytes.size(), header + 5 * 128 * sizeof(float));
  std::vector<float> logits(5 * 128);
  std::memcpy(logits.data(), bytes.data() + header, bytes.size() - header);

  const std::vector<int> tokens = {1, 5, 9, 33, 2};
  EXPECT_EQ(json["tokens"], Json(tokens));
  double sum = 0;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i * 128);
    double total = 0;
    for (size_t j = 0; j < 128; ++j) total += std::exp(double{row[j]});
    const double expected = row[tokens[i + 1]] - std::log(total);
    EXPECT_NEAR(json["log_probabilities"][i], expected, 1e-6);
    sum += expected;
    EXPECT_EQ(json["top"][i][0]["token"],
              std::max_element(row, row + 128) - row);
  }
  EXPECT_NEAR(json["perplexity"], std::exp(-sum / 4), 1e-6);
  EXPECT_EQ(json["top"].size(), 5u);
  EXPECT_EQ(json["top"][0].size(), 3u);
}

TEST_F(CliTest, ScorePrintsATable) {
  const ProgramResult result =
      run_program({"score", "-m", target(), "--tokens", "1 5 9"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("perplexity"));
  const ProgramResult one =
      run_program({"score", "-m", target(), "--tokens", "1", "--json"});
  EXPECT_TRUE(Json::parse(one.out)["perplexity"].is_null());
}

}  // namespace
}  // namespace pilotfish
