// Acceptors, drafters, constraints and log-probabilities from the command line.
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
using ::testing::Not;
using Json = nlohmann::json;

class DraftingTest : public ::testing::Test {
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

  static ProgramResult generate(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "generate", "-m", target(), "--tokens", "1 5 9 33 1 5 9",
        "-n",       "40", "-t",     "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  static Json generate_json(std::vector<std::string> more) {
    more.push_back("--json");
    const ProgramResult result = generate(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  }
  static void expect_refused(const std::vector<std::string>& flags,
                             const std::string& what) {
    const ProgramResult result = generate(flags);
    EXPECT_EQ(result.exit_code, 2) << what << result.err;
    EXPECT_THAT(result.message(), HasSubstr(what));
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(DraftingTest, ReproducibleTextDependsOnTheSeedAlone) {
  const auto tokens = [](std::vector<std::string> more) {
    more.insert(more.end(), {"--reproducible", "--temperature", "1.1",
                             "--top-p", "0.95", "--seed", "7"});
    const Json json = generate_json(more);
    EXPECT_EQ(json["acceptor"], "coupled");
    EXPECT_EQ(json["lossless"], true);
    return json["tokens"];
  };
  const Json plain = tokens({});
  for (const std::string window : {"1", "3", "8"}) {
    EXPECT_EQ(tokens({"-d", draft(), "-k", window}), plain);
    EXPECT_EQ(tokens({"--drafter", "suffix,skip", "-k", window}), plain);
  }
  EXPECT_NE(generate_json({"--temperature", "1.1", "--top-p", "0.95", "--seed",
                           "8", "--reproducible"})["tokens"],
            plain);
  expect_refused({"--reproducible", "--acceptor", "block"}, "excludes");
}

TEST_F(DraftingTest, TreesChangeNoTextAndAreReported) {
  const std::vector<std::string> greedy = {"-d", draft(), "-k", "6"};
  const std::vector<std::string> sampled = {
      "-d", draft(), "-k", "6", "--reproducible", "--temperature", "0.9"};
  for (std::vector<std::string> flags : {greedy, sampled}) {
    const Json chain = generate_json(flags);
    EXPECT_EQ(chain["settings"]["tree_width"], 1);
    flags.insert(flags.end(), {"--tree-width", "3"});
    const Json tree = generate_json(flags);
    EXPECT_EQ(tree["tokens"], chain["tokens"]);
    EXPECT_EQ(tree["settings"]["tree_width"], 3);
    int branched = 0;
    for (const Json& iteration : tree["iterations"]) {
      EXPECT_LE(iteration["places"], iteration["drafted"]);
      branched += iteration["places"] < iteration["drafted"];
    }
    EXPECT_GT(branched, 0);
    const ProgramResult text = generate(flags);
    EXPECT_THAT(text.err, HasSubstr("up to 3 candidates a place"));
  }
  expect_refused({"-d", draft(), "--tree-width", "0"},
                 "tree_width: 0 is out of range");
  expect_refused({"--tree-width", "2"}, "drafter none makes no trees");
  expect_refused({"-d", draft(), "--tree-width", "2", "--acceptor", "typical"},
                 "the acceptor typical judges one candidate per place");
}

TEST_F(DraftingTest, EveryAcceptorSaysWhetherItIsLossy) {
  for (const std::string name : {"rejection", "block", "coupled", "typical"}) {
    const std::vector<std::string> flags = {"-d", draft(),         "--acceptor",
                                            name, "--temperature", "1"};
    const Json json = generate_json(flags);
    EXPECT_EQ(json["acceptor"], name);
    const bool lossy = name == "typical";
    EXPECT_EQ(json["lossless"], !lossy);
    const std::string err = generate(flags).err;
    EXPECT_THAT(err, HasSubstr(name + (lossy ? " (lossy)" : " (lossless)")));
    EXPECT_EQ(err.find("distribution is not the target's") != err.npos, lossy);
  }
  const std::string help = run_program({"generate", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("typical (lossy)"));
}

TEST_F(DraftingTest, DraftersChangeNoGreedyText) {
  const Json plain = generate_json({});
  EXPECT_EQ(plain["drafters"], Json::array());
  for (const std::string names :
       {"ngram", "suffix", "skip", "suffix,skip", "ngram,suffix,skip"}) {
    const Json json = generate_json({"--drafter", names, "-k", "4"});
    EXPECT_EQ(json["tokens"], plain["tokens"]) << names;
    EXPECT_GT(json["acceptance"]["mean_length"], 1) << names;
    EXPECT_EQ(json["settings"]["window"], 4);
  }
  const Json both = generate_json({"-d", draft(), "--drafter", "suffix,model"});
  EXPECT_EQ(both["tokens"], plain["tokens"]);
  EXPECT_EQ(both["drafters"], Json({"suffix", "model"}));
  EXPECT_EQ(generate_json({"-d", draft()})["drafters"], Json({"model"}));
  const Json none = generate_json({"-d", draft(), "--drafter", "none"});
  EXPECT_TRUE(none["draft"].is_null());
  EXPECT_EQ(none["settings"]["window"], 1);
  EXPECT_THAT(generate({"--drafter", "skip", "--draft-layers", "1"}).err,
              HasSubstr("drafter     skip"));
}

TEST_F(DraftingTest, DraftersThatCannotWorkAreRefused) {
  expect_refused({"--drafter", "eagle"}, "found \"eagle\"");
  expect_refused({"--drafter", ",ngram"}, "found \"\"");
  expect_refused({"--drafter", "ngram,ngram"}, "is listed twice");
  expect_refused({"--drafter", "model"}, "drafter model: needs a draft model");
  expect_refused({"--drafter", "prediction"},
                 "drafter prediction: needs a prediction");
  expect_refused({"--drafter", "ngram", "--corpus", "x"},
                 "a corpus is for drafter suffix");
  expect_refused({"--drafter", "skip", "--draft-layers", "2"}, "1 to 1");
  expect_refused({"--prediction", "x"}, "tokenizer");
}

TEST_F(DraftingTest, ConstraintsHoldInsideWindows) {
  const Json plain = generate_json({});
  const std::string first = std::to_string(plain["tokens"][0].get<int>());
  for (const std::string temperature : {"0", "1.5"}) {
    const Json banned =
        generate_json({"-d", draft(), "-k", "6", "--ban-ids", first + " 7",
                       "--temperature", temperature});
    for (const Json& token : banned["tokens"]) {
      EXPECT_NE(token, plain["tokens"][0]);
      EXPECT_NE(token, 7);
    }
    EXPECT_EQ(banned["settings"]["banned_tokens"].size(), 2u);
    const Json allowed =
        generate_json({"-d", draft(), "-k", "6", "--allow-ids", "40,41,42,43",
                       "--temperature", temperature});
    for (const Json& token : allowed["tokens"]) {
      EXPECT_GE(token, 40);
      EXPECT_LE(token, 43);
    }
  }
  expect_refused({"--ban-ids", "128"}, "banned_tokens: token 128");
  expect_refused({"--allow-ids", "1 x"}, "--allow-ids: found \"x\"");
  expect_refused({"--bad-word", "x"}, "tokenizer");
}

TEST_F(DraftingTest, LogprobsComeWithTheJson) {
  const std::vector<std::string> flags = {
      "-d", draft(), "-k", "5", "--temperature", "1", "--logprobs", "2"};
  const Json json = generate_json(flags);
  ASSERT_EQ(json["logprobs"].size(), json["tokens"].size());
  for (const Json& token : json["logprobs"]) {
    EXPECT_LT(token["logprob"], 0);
    ASSERT_EQ(token["top"].size(), 2u);
    EXPECT_GE(token["top"][0]["logprob"], token["logprob"]);
  }
  EXPECT_FALSE(generate_json({}).contains("logprobs"));
  EXPECT_EQ(generate(flags).exit_code, 2) << "--logprobs needs --json";
}

TEST(StoriesDrafting, PredictionCorpusAndBadWords) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const test::TemporaryFolder folder;
  const auto generate = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "generate",
        "-m",
        test::data_path("models/stories260K").string(),
        "-p",
        "Once upon a time",
        "-n",
        "80",
        "-t",
        "1",
        "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  };
  const Json plain = generate({});
  const std::string file = (folder.path() / "text").string();
  std::ofstream(file) << plain["text"].get<std::string>();

  const Json predicted = generate({"--prediction", file, "-k", "8"});
  EXPECT_EQ(predicted["tokens"], plain["tokens"]);
  EXPECT_EQ(predicted["drafters"], Json({"prediction"}));
  EXPECT_GT(predicted["acceptance"]["mean_length"], 5);

  const Json corpus = generate({"--corpus", file, "-k", "8"});
  EXPECT_EQ(corpus["tokens"], plain["tokens"]);
  EXPECT_EQ(corpus["drafters"], Json({"suffix"}));
  EXPECT_GT(corpus["acceptance"]["mean_length"], 3);

  ASSERT_THAT(plain["text"].get<std::string>(), HasSubstr("Lily"));
  const Json without =
      generate({"--bad-word", "Lily", "--drafter", "suffix,skip"});
  EXPECT_THAT(without["text"].get<std::string>(), Not(HasSubstr("Lily")));
}

}  // namespace
}  // namespace pilotfish
