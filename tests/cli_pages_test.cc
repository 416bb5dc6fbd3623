// The HTML pages of `sweep` and `trace`: what they say is what --json says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
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

std::string two_places(const Json& number) {
  return fmt::format("{:.2f}", number.get<double>());
}

TEST_F(PagesTest, TraceSaysWhatJsonSays) {
  const ProgramResult result =
      trace({"-o", file("page.html"), "--json", "--temperature", "1", "-k", "4",
             "--acceptor", "rejection"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  const std::string page = test::read_file(file("page.html"));
  EXPECT_EQ(test::html_fault(page), "");
  const auto rows = test::table_rows(page, "passes");
  ASSERT_EQ(rows.size(), json["iterations"].size());
  size_t accepted = 0;
  size_t rejected = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& pass = json["iterations"][i];
    EXPECT_EQ(pass.value("proposals", Json::array()).size(), pass["drafted"]);
    EXPECT_EQ(rows[i][0], std::to_string(i + 1));
    EXPECT_EQ(rows[i][1], pass["drafted"] == 0
                              ? "nothing drafted"
                              : fmt::format("{} of {}", pass["accepted"].dump(),
                                            pass["drafted"].dump()));
    accepted += pass["accepted"].get<size_t>();
    rejected += pass["drafted"].get<size_t>() - pass["accepted"].get<size_t>();
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(rejected, 0);
  const std::string markup = test::html_internal::without_assets(page);
  const auto count = [&](const std::string& what) {
    return test::html_internal::all_between(markup, what, "<").size();
  };
  EXPECT_EQ(count("<s>"), rejected);
  const auto origins = [&](const char* name) {
    return std::ranges::count(json["origins"], Json(name));
  };
  // Once each in the key.
  EXPECT_EQ(count("<span class=\"a\">"), origins("accepted") + 1);
  EXPECT_EQ(count("<span class=\"r\">"), origins("recovered") + 1);
  EXPECT_EQ(count("<span class=\"b\">"), origins("bonus") + 1);
  EXPECT_THAT(
      page, HasSubstr("<dt>tokens a pass</dt><dd>" +
                      two_places(json["acceptance"]["mean_length"]) + "</dd>"));
  EXPECT_THAT(page, HasSubstr("rejection (lossless)"));
  EXPECT_THAT(page, HasSubstr("temperature 1, seed 0"));
}

TEST_F(PagesTest, SweepSaysWhatJsonSays) {
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
  const auto rows = test::table_rows(page, "numbers");
  ASSERT_EQ(rows.size(), 8);
  ASSERT_EQ(json["settings"].size(), 8);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& setting = json["settings"][i];
    EXPECT_EQ(rows[i][0], i < 4 ? "model" : "ngram, model");
    EXPECT_EQ(rows[i][1], setting["acceptor"]);
    EXPECT_EQ(
        rows[i][2],
        fmt::format("{}", setting["temperature"].dump() == "0.0" ? 0 : 1));
    EXPECT_EQ(rows[i][3], setting["window"].dump());
    EXPECT_EQ(rows[i][4], two_places(setting["tokens_per_pass"]));
    EXPECT_EQ(rows[i][8], two_places(setting["verify_cost"]));
    EXPECT_EQ(rows[i][9], two_places(setting["draft_cost"]));
    EXPECT_EQ(rows[i][10], two_places(setting["speedup"]));
    EXPECT_EQ(rows[i][11],
              two_places(setting["speedup_quartiles_of_prompts"][0]) + " to " +
                  two_places(setting["speedup_quartiles_of_prompts"][1]));
    EXPECT_EQ(rows[i][12], two_places(setting["speedup_predicted"]));
    EXPECT_EQ(rows[i][13], two_places(setting["acceptance_per_token"]));
    EXPECT_EQ(rows[i][14], two_places(setting["speedup_formula"]));
    const Json& split = setting["seconds_per_token_split"];
    EXPECT_NEAR(split["draft"].get<double>() + split["verify"].get<double>() +
                    split["bookkeeping"].get<double>(),
                setting["seconds_per_token"].get<double>(), 1e-12);
  }
  // Last on the page, as in the terminal.
  EXPECT_THAT(page, HasSubstr(json["best"].get<std::string>()));
  EXPECT_GT(page.rfind("id=\"best\""), page.rfind("<h2 id=\"setup-h\""));
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

// As for /dev/stdout: what the link leads to is written, and the link stays.
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
