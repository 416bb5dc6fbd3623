// The HTML pages of `sweep` and `trace`: their data are what --json says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "html_page.h"
#include "program.h"
#include "random_model.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::run_program;
using ::testing::Contains;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class PagesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.15;
    test::write_random_model(folder_->path() / "draft", options);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string model(const char* name) {
    return (folder_->path() / name).string();
  }
  // Nothing is there before; what a test writes goes with it.
  std::string file(const char* name) { return (place_.path() / name).string(); }

  ProgramResult trace(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"trace",
                                          "-m",
                                          model("target"),
                                          "-d",
                                          model("draft"),
                                          "--tokens",
                                          "1 5 9 33",
                                          "-n",
                                          "40",
                                          "-t",
                                          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  test::TemporaryFolder place_;

 private:
  static inline test::TemporaryFolder* folder_;
};

double sum_of(const Json& counts) {
  double sum = 0;
  for (const Json& count : counts) sum += count.get<double>();
  return sum;
}

TEST_F(PagesTest, TraceHasWhatJsonSays) {
  const ProgramResult result =
      trace({"-o", file("page.html"), "--json", "--temperature", "1", "-k", "4",
             "--acceptor", "rejection"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  const std::string page = test::read_file(file("page.html"));
  EXPECT_EQ(test::html_fault(page), "");
  const Json data = test::data_of(page);
  const Json& passes = data["passes"];
  ASSERT_EQ(passes.size(), json["iterations"].size());
  size_t accepted = 0;
  size_t rejected = 0;
  for (size_t i = 0; i < passes.size(); ++i) {
    const Json& pass = json["iterations"][i];
    const Json proposals = pass.value("proposals", Json::array());
    EXPECT_EQ(proposals.size(), pass["drafted"]);
    EXPECT_EQ(passes[i]["drafted"], pass["drafted"]);
    EXPECT_EQ(passes[i]["emitted"], pass["emitted"]);
    EXPECT_EQ(passes[i]["accepted"].size(), pass["accepted"]);
    EXPECT_EQ(passes[i]["rejected"].size() + passes[i]["accepted"].size(),
              pass["drafted"]);
    EXPECT_NEAR(passes[i]["microseconds"][2].get<double>() / 1e6,
                pass["total_seconds"].get<double>(), 1e-6);
    Json guesses = passes[i]["accepted"];  // of a chain the first ones
    for (const Json& guess : passes[i]["rejected"]) guesses.push_back(guess);
    for (size_t place = 0; place < guesses.size(); ++place) {
      const Json& proposal = proposals[place];
      EXPECT_EQ(guesses[place][0], proposal["token"].dump() + " ");
      EXPECT_NEAR(guesses[place][1].get<double>(),
                  proposal["target_probability"].get<double>(), 1e-3);
      EXPECT_NEAR(guesses[place][2].get<double>(),
                  proposal["draft_probability"].get<double>(), 1e-3);
    }
    accepted += passes[i]["accepted"].size();
    rejected += passes[i]["rejected"].size();
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(rejected, 0);
  const std::string origins = data["origins"];
  ASSERT_EQ(origins.size(), json["tokens"].size());
  for (size_t i = 0; i < origins.size(); ++i) {
    EXPECT_EQ(origins[i], json["origins"][i].get<std::string>().front());
    EXPECT_EQ(data["tokens"][i], json["tokens"][i].dump() + " ");
  }
  const Json& stats = data["stats"];
  EXPECT_EQ(stats["tokens_per_pass"], json["acceptance"]["mean_length"]);
  EXPECT_EQ(stats["acceptance_per_position"],
            json["acceptance"]["per_position"]);
  EXPECT_EQ(sum_of(stats["drafted_per_position"]), accepted + rejected);
  EXPECT_THAT(data["facts"],
              Contains(Json({"Acceptor", "rejection (lossless)"})));
  EXPECT_THAT(data["facts"],
              Contains(Json({"Sampling", "temperature 1, seed 0"})));
}

TEST_F(PagesTest, SweepHasWhatJsonSays) {
  // Models without a tokenizer have no prompt file: stories260K has one.
  SKIP_WITHOUT_DATA("models/stories260K");
  const std::string stories = test::data_path("models/stories260K").string();
  std::ofstream(file("prompts.txt")) << "Once upon a time\nOne day, a girl\n";
  const ProgramResult result = run_program({"sweep",
                                            "-m",
                                            stories,
                                            "-d",
                                            stories,
                                            "--draft-layers",
                                            "4",
                                            "-t",
                                            "1",
                                            "-n",
                                            "24",
                                            "--prompts",
                                            file("prompts.txt"),
                                            "--ignore-eos",
                                            "--json",
                                            "--windows",
                                            "2,4",
                                            "--temperatures",
                                            "0,1",
                                            "--drafters",
                                            "model,ngram+model",
                                            "--html",
                                            file("page.html")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  const std::string page = test::read_file(file("page.html"));
  EXPECT_EQ(test::html_fault(page), "");
  EXPECT_LT(page.size(), 1'000'000);
  const Json data = test::data_of(page);
  EXPECT_EQ(data["sweep"], json);
  EXPECT_EQ(data["kind"], "sweep");
  EXPECT_EQ(data["models"], "stories260K with stories260K");
  EXPECT_FALSE(data["facts"].empty());
}

TEST_F(PagesTest, WhatCannotBeWrittenIsSaidAtOnce) {
  for (const std::string& path :
       {std::string("/nowhere/page.html"), place_.path().string()}) {
    // Names a model that is not there: the page comes first.
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"trace", "-m", "none", "-p", "x", "-o",
                                   path},
          {"sweep", "-m", "none", "-d", "none2", "--html", path}}) {
      const ProgramResult result = run_program(command);
      EXPECT_EQ(result.exit_code, 1) << command.front();
      EXPECT_THAT(result.message(), HasSubstr(path + ": cannot be written"));
      EXPECT_EQ(result.out, "");
    }
  }
}

TEST_F(PagesTest, AFailedRunLeavesWhatWasThere) {
  std::ofstream(file("page.html")) << "before";
  const ProgramResult result =
      trace({"-o", file("page.html"), "--acceptor", "none_such"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_EQ(test::read_file(file("page.html")), "before");
  EXPECT_EQ(std::distance(fs::directory_iterator(place_.path()), {}), 1);
}

// As with /dev/stdout, what the link leads to is written, and the link stays.
TEST_F(PagesTest, ALinkIsWrittenThrough) {
  fs::create_symlink("target.html", file("link.html"));
  const ProgramResult result = trace({"-o", file("link.html")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::is_symlink(file("link.html")));
  EXPECT_EQ(test::html_fault(test::read_file(file("target.html"))), "");
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("tokens a pass"));
}

TEST_F(PagesTest, TraceTakesOneTextAndNeedsAFile) {
  EXPECT_EQ(trace({}).exit_code, 2);
  const ProgramResult many = run_program(
      {"trace", "-m", model("target"), "--prompts", "x", "-o", file("p.html")});
  EXPECT_EQ(many.exit_code, 2);
  EXPECT_THAT(many.message(), HasSubstr("--prompts"));
}

}  // namespace
}  // namespace pilotfish
