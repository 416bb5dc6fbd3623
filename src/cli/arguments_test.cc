#include "cli/arguments.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "cli/foreign_flags.h"
#include "pilotfish/error.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Arguments = std::vector<std::string>;

KnownCommand command() {
  return {"fish swim",
          {{{"--max-tokens", "-n"}, 1, 1},
           {{"--prompt", "-p"}, 1, 1},
           {{"--kv-dtype"}, 1, 1},
           {{"--draft", "-d"}, 1, 1},
           {{"--temperature"}, 1, 1},
           {{"--stop"}, 1, 1, true},
           {{"--pair"}, 1, 2},
           {{"--json"}, 0, 0}},
          1};
}

Arguments plain(const Arguments& arguments) {
  return plain_arguments(command(), arguments);
}

std::string refusal(const Arguments& arguments) {
  try {
    plain(arguments);
    return {};
  } catch (const UsageError& error) {
    return error.what();
  }
}

TEST(Arguments, FlagsComeFirstByTheirUsualNames) {
  EXPECT_THAT(plain({"text", "-n", "5", "--json"}),
              ElementsAre("--max-tokens", "5", "--json", "--", "text"));
  EXPECT_THAT(plain({"--", "--json"}), ElementsAre("--", "--json"));
  EXPECT_THAT(plain({"-"}), ElementsAre("--", "-"));
  EXPECT_THAT(plain({"--prompt=a=b", "--prompt="}),
              ElementsAre("--prompt", "a=b", "--prompt", ""));
  EXPECT_THAT(plain({"--pair", "a", "b", "c"}),
              ElementsAre("--pair", "a", "b", "--", "c"));
  EXPECT_THAT(plain({"--pair", "a", "--json"}),
              ElementsAre("--pair", "a", "--json"));
}

// A value is a value, whatever it looks like.
TEST(Arguments, WhatFollowsAFlagIsItsValue) {
  EXPECT_THAT(plain({"-p", "--json", "-n", "-1", "-p", "-ngl"}),
              ElementsAre("--prompt", "--json", "--max-tokens", "-1",
                          "--prompt", "-ngl"));
  EXPECT_THAT(refusal({"-n"}), HasSubstr("-n needs a value"));
  EXPECT_THAT(refusal({"--json=1"}), HasSubstr("--json takes no value"));
}

TEST(Arguments, OnlyANumberMayStandRightBehindAShortName) {
  for (const std::string number : {"5", "-1", "+3", "0.5", "4096"}) {
    EXPECT_THAT(plain({"-n" + number}), ElementsAre("--max-tokens", number));
  }
  for (const char* word : {"-nan", "-ninf", "-pOnce", "-n5x", "-dmodel",
                           "-json", "-n1e", "-p7b-model"}) {
    EXPECT_THAT(refusal({word}), HasSubstr(std::string(word) + " is not"));
  }
}

TEST(Arguments, NamesOfSeveralLettersAreNamesOfTheirOwn) {
  EXPECT_THAT(
      plain({"-md", "x", "--temp", "1", "--predict", "3"}),
      ElementsAre("--draft", "x", "--temperature", "1", "--max-tokens", "3"));
  EXPECT_THAT(plain({"-ctk", "q8_0", "-ctv", "q8_0"}),
              ElementsAre("--kv-dtype", "q8_0", "--kv-dtype", "q8_0"));
  EXPECT_THAT(refusal({"-ctk", "q8_0", "-ctv", "f16"}),
              HasSubstr("-ctk and -ctv are both --kv-dtype"));
  EXPECT_THAT(plain({"-r", "a", "--reverse-prompt", "b"}),
              ElementsAre("--stop", "a", "--stop", "b"));
  // Not -n with the value gl, and so on.
  for (const char* name : {"-ngl", "-nkvo", "-dev", "-dt", "-fa"}) {
    EXPECT_THAT(refusal({name, "0"}),
                AllOf(HasSubstr(std::string(name) + " is llama.cpp's: "),
                      HasSubstr("leave it out")));
  }
  EXPECT_THAT(refusal({"-sys", "x"}),
              HasSubstr("llama.cpp's name for --system, which fish swim does"));
}

TEST(Arguments, AMisspeltNameGetsTheNearest) {
  EXPECT_THAT(refusal({"--temprature", "1"}), HasSubstr("--temperature?"));
  EXPECT_THAT(refusal({"--kv_dtype", "f32"}), HasSubstr("--kv-dtype?"));
  EXPECT_THAT(refusal({"--predikt=1"}), HasSubstr("--predict?"));
  EXPECT_THAT(refusal({"--frobnicate"}),
              AllOf(HasSubstr("--frobnicate is not a flag of fish swim"),
                    HasSubstr("fish swim --help"), Not(HasSubstr("is it"))));
  EXPECT_THAT(refusal({"two", "words"}), HasSubstr("quotes"));
}

TEST(ForeignFlags, EachNameIsThereOnceAndSaysWhatToDo) {
  std::set<std::string_view> names;
  for (const ForeignFlag& flag : foreign_flags()) {
    EXPECT_FALSE(flag.ours.empty() && flag.advice.empty()) << flag.names;
    EXPECT_TRUE(flag.ours.empty() || flag.ours.starts_with("--"));
    for (const std::string_view name : names_in(flag.names)) {
      EXPECT_TRUE(names.insert(name).second) << name;
      EXPECT_TRUE(name.starts_with('-') && name.size() > 1) << name;
      EXPECT_EQ(find_foreign_flag(name), &flag);
    }
  }
  EXPECT_EQ(find_foreign_flag("--no-such-flag"), nullptr);
  EXPECT_EQ(find_foreign_flag(""), nullptr);
}

TEST(ForeignFlags, TheGuideListsThoseThatAreRead) {
  const std::string guide =
      test::read_file(test::source_dir() / "docs/guide.md");
  for (const ForeignFlag& flag : foreign_flags()) {
    if (flag.ours.empty()) continue;
    EXPECT_THAT(guide, HasSubstr(std::string(flag.ours) + "`"));
    for (const std::string_view name : names_in(flag.names)) {
      EXPECT_THAT(guide, HasSubstr(fmt::format("`{}`", name)));
    }
  }
}

}  // namespace
}  // namespace pilotfish::cli
