#include "cli/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

using ::testing::ElementsAre;

// A command with a flag of every kind.
class FlagValuesTest : public ::testing::Test {
 protected:
  FlagValuesTest() : command_(line_.add_command("swim", "Through water")) {
    const FlagGroup group = command_.group("Water");
    const Flag deep = group.add_switch("--deep", deep_, "How deep");
    Flag depth = group.add("-t,--temperature", temperature_, "T", "How warm");
    depth.needs({deep});
    group.add("--words", words_, "W,..", "Which").comma_separated();
    group.add("--stop", stops_, "TEXT", "Where").repeatable().has_escapes();
    group.add_positional("lake", lake_, "Which lake").may_be_empty();
    const Flag sea = group.add_switch("--sea", sea_, "It is a sea");
    Flag(sea).stands_for(deep);
    command_.on_run([this] { ran_ = true; });
  }

  void run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"fish", "swim"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    line_.run(static_cast<int>(argv.size()), argv.data());
  }

  CommandLine line_{"fish", "A fish", "1.0"};
  Command command_;
  bool deep_ = false;
  bool sea_ = false;
  bool ran_ = false;
  double temperature_ = 0;
  std::vector<std::string> words_;
  std::vector<std::string> stops_;
  std::optional<std::string> lake_;
};

TEST_F(FlagValuesTest, ValuesGoWhereTheyBelong) {
  run({"Erie", "--deep", "-t0.5", "--words", "a,b", "--stop", "x,y", "--stop",
       "[z]"});
  EXPECT_TRUE(ran_);
  EXPECT_TRUE(deep_);
  EXPECT_EQ(temperature_, 0.5);
  EXPECT_THAT(words_, ElementsAre("a", "b"));
  EXPECT_THAT(stops_, ElementsAre("x,y", "[z]"));
  EXPECT_EQ(lake_, "Erie");
}

TEST_F(FlagValuesTest, TextsAreSafeFromTheParser) {
  run({"--", "--deep"});
  EXPECT_EQ(lake_, "--deep");
  EXPECT_FALSE(deep_);
}

TEST_F(FlagValuesTest, AFlagThatNeedsAnotherIsRefusedWithoutIt) {
  try {
    run({"--temperature", "1"});
    ADD_FAILURE() << "it was let through";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "--temperature has no effect without --deep");
  }
  EXPECT_FALSE(ran_);
}

TEST_F(FlagValuesTest, AnotherFlagCanStandForTheOneThatIsNeeded) {
  run({"--temperature", "1", "--sea"});
  EXPECT_TRUE(ran_);
}

TEST_F(FlagValuesTest, WhatIsImpliedNeedsNoFlag) {
  command_.flag("--deep").implied();
  run({"--temperature", "1"});
  EXPECT_TRUE(ran_);
}

TEST_F(FlagValuesTest, EscapesAreReadWithOneFlagOfTheCommand) {
  run({"--stop", "a\\n", "-e", "--stop", "\\x41"});
  EXPECT_THAT(stops_, ElementsAre("a\n", "A"));
}

}  // namespace
}  // namespace pilotfish::cli
