// `pilotfish selfcheck` as a user runs it, with small random models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using Json = nlohmann::json;

class CliSelfcheckTest : public ::testing::Test {
 protected:
  CliSelfcheckTest() {
    test::RandomModelOptions model;
    model.vocab_size = 64;
    model.hidden_size = 32;
    model.n_positions = 64;
    test::write_random_model(path("target"), model);
    model.perturbation = 0.2;
    test::write_random_model(path("draft"), model);
  }

  std::string path(const std::string& name) const {
    return (place_.path() / name).string();
  }

  ProgramResult selfcheck(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {
        "selfcheck", "-m", path("target"), "-d", path("draft"),
        "-t",        "1",  "--quick"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

 private:
  test::TemporaryFolder place_;
};

TEST_F(CliSelfcheckTest, CertifiesARightEngine) {
  const ProgramResult result =
      selfcheck({"--trials", "300", "--acceptors", "coupled,typical",
                 "--report", path("report.md")});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("greedy: "), HasSubstr("reproducible: "),
                    HasSubstr("distribution: "), HasSubstr("control: "),
                    HasSubstr("lossy: "), HasSubstr("bad words"),
                    HasSubstr("\nlossless: "), HasSubstr(", 1 thread\n"),
                    HasSubstr("would have been found; typical says that it is "
                              "lossy, and "),
                    Not(HasSubstr("FAILS")), Not(HasSubstr("\033"))));
  const std::string report = test::read_file(path("report.md"));
  EXPECT_THAT(report,
              AllOf(HasSubstr("**lossless: "), HasSubstr("| machine |"),
                    HasSubstr("model.safetensors"), HasSubstr("| seed | 0 |"),
                    Not(HasSubstr("NOT CAUGHT"))));
}

TEST_F(CliSelfcheckTest, PrintsJson) {
  const ProgramResult result = selfcheck(
      {"--json", "--acceptors", "rejection", "--seed", "5", "--trials", "300"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["verdict"], "lossless");
  EXPECT_EQ(json["settings"]["seed"], 5);
  EXPECT_EQ(json["settings"]["trials"], 300);
  EXPECT_EQ(json["threads"], Json({1}));  // as -t says
  EXPECT_EQ(json["models"].size(), 2);
  std::int64_t claims = 0;
  for (const Json& check : json["checks"]) {
    claims += check["kind"] == "distribution";
    EXPECT_GT(check["texts"], 0);
  }
  EXPECT_EQ(json["statistical_claims"], claims);
}

TEST_F(CliSelfcheckTest, SeveralThreadsAreComparedWithOne) {
  const ProgramResult result = selfcheck(
      {"--json", "--acceptors", "rejection", "--trials", "100", "-t", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["threads"], (Json{1, 2}));
}

// The shared library that the guide shows how to write, and one of ours.
TEST_F(CliSelfcheckTest, ALossyRuleIsNotCertified) {
  for (const std::string acceptor : {PILOTFISH_EXAMPLE_ACCEPTOR, "typical"}) {
    const ProgramResult result =
        selfcheck({"--acceptors", acceptor, "--report", path("report.md")});
    EXPECT_EQ(result.exit_code, 1) << acceptor;
    EXPECT_THAT(result.message(), HasSubstr("not certified as lossless"));
    EXPECT_THAT(result.out, AllOf(HasSubstr("lossy, noticed"),
                                  HasSubstr("nothing claimed: "),
                                  HasSubstr(" says that it is lossy, and "),
                                  HasSubstr("texts differ from the target's"),
                                  Not(HasSubstr("\nlossless: "))));
    EXPECT_TRUE(test::read_file(path("report.md"))
                    .starts_with("# pilotfish selfcheck\n\n**nothing "
                                 "claimed: "));
  }
}

TEST_F(CliSelfcheckTest, AUsersRuleThatErrsALittleFails) {
  const ProgramResult result =
      selfcheck({"--acceptors", PILOTFISH_UNSOUND_ACCEPTOR});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("NOT lossless: 1 of "));
  EXPECT_THAT(result.out, HasSubstr("distribution unsound (5 tokens"));
}

TEST_F(CliSelfcheckTest, AUsersSoundRuleIsCertifiedWithTheShippedPair) {
  const ProgramResult result =
      run_program({"selfcheck", "--quick", "--trials", "100", "-t", "1",
                   "--json", "--acceptors", PILOTFISH_SOUND_ACCEPTOR});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["verdict"], "lossless");
  std::int64_t caught = 0;
  for (const Json& check : json["checks"]) {
    caught += check["verdict"] == "caught";
    EXPECT_NE(check["verdict"], "not_caught") << check["rule"];
  }
  EXPECT_EQ(caught, 8);
}

TEST_F(CliSelfcheckTest, SaysWhatFailsAndExitsWithOne) {
  const ProgramResult result =
      selfcheck({"--trials", "300", "--acceptors",
                 std::string("block,") + PILOTFISH_OVERCLAIMING_ACCEPTOR,
                 "--report", path("report.md")});
  EXPECT_EQ(result.exit_code, 1);
  // Once, where the report ends.
  EXPECT_THAT(result.message(), Not(HasSubstr("NOT lossless")));
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("NOT lossless: "),
                    HasSubstr("greedy overclaims (temperature 0)"),
                    HasSubstr("distribution overclaims (temperature 1)"),
                    Not(HasSubstr("distribution block"))));
  EXPECT_THAT(result.out, AllOf(HasSubstr("FAILS"), HasSubstr("prompt 0: ")));
  EXPECT_THAT(test::read_file(path("report.md")), HasSubstr("| FAILS |"));
}

TEST_F(CliSelfcheckTest, RefusesWhatItCannotDo) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--trials", "50"}, "--trials"},
      {{"--full"}, "excludes"},
      {{"--acceptors", "none_such"}, "none_such"},
      {{"--seed", "-3"}, "--seed"},
  };
  for (const auto& [arguments, message] : cases) {
    const ProgramResult result = selfcheck(arguments);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.message(), HasSubstr(message));
    EXPECT_EQ(result.out, "");
  }
  const ProgramResult result =
      selfcheck({"--report", path("no/such/folder/report.md")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.message(), HasSubstr("cannot be written"));
}

}  // namespace
}  // namespace pilotfish
