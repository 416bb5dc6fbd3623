// What goes wrong while a model runs, from the command line: weights that are
// NaN, rows without a text, threads that cannot be started, sampling sets that
// leave nothing; and what the statistics say of very short texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "damage.h"
#include "program.h"
#include "random_model.h"
#include "source_dir.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::run_program;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kDamaged = "model.layers.1.self_attn.v_proj.weight";

class FaultsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    test::write_random_model(path("target"), options);
    test::write_random_model(path("nan"), options);
    test::damage(path("nan") + "/model.safetensors", kDamaged, 64 * 3 + 9);
    options.perturbation = 0.15;
    test::write_random_model(path("draft"), options);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const char* name) {
    return (folder_->path() / name).string();
  }
  static std::vector<std::string> generating(const std::string& model,
                                             std::vector<std::string> more) {
    std::vector<std::string> arguments = {"generate", "-m", model, "--tokens",
                                          "1 5 9 33", "-n", "20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(FaultsTest, NanWeightsOfATargetEndTheText) {
  const ProgramResult plain = run_program(generating(path("nan"), {}));
  EXPECT_EQ(plain.exit_code, 1);
  EXPECT_EQ(plain.out, "");
  EXPECT_THAT(plain.message(),
              AllOf(HasSubstr("target model: the logits for position 4 are "
                              "unusable: 128 of 128 logits are NaN"),
                    HasSubstr("pilotfish inspect --check")));
  const ProgramResult drafted = run_program(
      generating(path("nan"), {"-d", path("draft"), "-k", "4", "--json"}));
  EXPECT_EQ(drafted.exit_code, 1);
  EXPECT_EQ(drafted.out, "");
}

TEST_F(FaultsTest, NanWeightsOfADraftAreTheDrafts) {
  const ProgramResult result =
      run_program(generating(path("target"), {"-d", path("nan"), "-k", "4"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("draft model: the logits for position 5 are unusable"));
}

TEST_F(FaultsTest, InspectScoreAndSelfcheckNameTheTensor) {
  const std::string tensor = std::string(kDamaged) +
                             " has 1 of 2048 values that are NaN or infinite, "
                             "the first at [3, 9]: nan";
  const ProgramResult inspect =
      run_program({"inspect", path("nan"), "--check"});
  EXPECT_EQ(inspect.exit_code, 1);
  EXPECT_EQ(inspect.out, tensor + "\n");
  EXPECT_THAT(inspect.message(), HasSubstr("1 of its tensors"));
  const ProgramResult sound =
      run_program({"inspect", path("target"), "--check"});
  EXPECT_EQ(sound.exit_code, 0) << sound.err;
  EXPECT_THAT(sound.out, HasSubstr("no weight is NaN or infinite"));

  const ProgramResult score =
      run_program({"score", "-m", path("nan"), "--tokens", "1 5 9"});
  EXPECT_EQ(score.exit_code, 1);
  EXPECT_EQ(score.out, "");
  EXPECT_THAT(score.message(),
              AllOf(HasSubstr("the logits for position 1"), HasSubstr(tensor)));

  const ProgramResult selfcheck = run_program(
      {"selfcheck", "-m", path("nan"), "-d", path("draft"), "--quick"});
  EXPECT_EQ(selfcheck.exit_code, 1);
  EXPECT_THAT(selfcheck.err, HasSubstr(tensor));
}

// Qwen ships rows for 387 ids that its tokenizer does not have.
TEST_F(FaultsTest, RowsWithoutATextAreEmptyStrings) {
  const fs::path shipped = test::source_dir() / "models" / "pilotfish-stories";
  const std::string model = path("padded");
  test::write_random_model(model, {.vocab_size = 4096 + 8192});
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    fs::copy_file(shipped / name, fs::path(model) / name);
  }
  const ProgramResult result = run_program(
      {"generate", "-m", model, "-p", "Once", "-n", "24", "--temperature", "2",
       "--stop", "zzz", "--logprobs", "1", "--json", "--ignore-eos"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  std::string ids;
  int without_text = 0;
  for (const int id : json["tokens"]) {
    ids += std::to_string(id) + " ";
    without_text += id >= 4096 ? 1 : 0;
  }
  EXPECT_GT(without_text, 5);
  const ProgramResult decoded =
      run_program({"tokenize", "-m", model, "--decode", "5000 " + ids});
  EXPECT_EQ(decoded.exit_code, 0) << decoded.err;
  const ProgramResult scored =
      run_program({"score", "-m", model, "--tokens", "1 5000 12287"});
  EXPECT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_EQ(
      run_program({"tokenize", "-m", model, "--decode", "-- -1"}).exit_code, 2);
}

// As a user who may have no further thread; only root can become one.
#ifndef PILOTFISH_SANITIZED
// LeakSanitizer starts a thread of its own.
TEST_F(FaultsTest, ThreadsThatCannotStartAreFewerWithANote) {
  const auto limited = [] {
    const rlimit limit = {1, 1};
    ::alarm(120);  // a program that hangs ends here
    ::setrlimit(RLIMIT_NPROC, &limit);
    if (::getuid() == 0 && ::setuid(54322) != 0) ::_exit(126);
  };
  // The other user, who is still of our group, reads the model too.
  const fs::path folder = path("target");
  for (const fs::path& passed : {folder.parent_path(), folder}) {
    fs::permissions(passed,
                    fs::perms::group_read | fs::perms::group_exec |
                        fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add);
  }
  for (const char* file : {"config.json", "model.safetensors"}) {
    fs::permissions(folder / file,
                    fs::perms::group_read | fs::perms::others_read,
                    fs::perm_options::add);
  }
  const auto arguments = generating(path("target"), {"-t", "4"});
  const ProgramResult result =
      run_program(arguments, {.in = "", .before = limited});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("note: the system allows 1 of 4 threads"));
  EXPECT_EQ(result.out, run_program(arguments).out);
}
#endif

TEST_F(FaultsTest, SamplingSetsThatLeaveNothingAreRefused) {
  const auto refused = [](const std::vector<std::string>& flags,
                          const std::string& what) {
    const ProgramResult result = run_program(generating(path("target"), flags));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.message(), HasSubstr(what));
  };
  refused({"--allow-ids", "7,8", "--ban-ids", "8,7"},
          "no token is left to generate with allowed_tokens, banned_tokens");
  refused({"--allow-ids", "2", "--min-tokens", "3"},
          "only stop tokens are left to generate");
  refused({"--allow-ids", "7", "--logit-bias", "7=-inf"}, "no token is left");
}

TEST_F(FaultsTest, ATextOfOneTokenHasNoSpeed) {
  const std::vector<std::string> one = {
      "generate", "-m",    path("target"), "-d", path("draft"),
      "--tokens", "1 5 9", "-n",           "1"};
  const ProgramResult result = run_program(one);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("load "), HasSubstr("both models were ready"),
                    HasSubstr("speed       not measured"),
                    Not(HasSubstr("tokens/s")), Not(HasSubstr(" 0 us"))));
  std::vector<std::string> with_json = one;
  with_json.emplace_back("--json");
  const Json timings = Json::parse(run_program(with_json).out).at("timings");
  EXPECT_GT(timings.at("load_seconds"), 0);
  EXPECT_TRUE(timings.at("tokens_per_second").is_null());
  EXPECT_TRUE(timings.at("tpot_median_seconds").is_null());
  EXPECT_TRUE(timings.at("draft_seconds_per_pass").is_null());
}

}  // namespace
}  // namespace pilotfish
