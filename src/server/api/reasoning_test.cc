#include "server/api/reasoning.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace pilotfish::server {
namespace {

Spoken split(ReasoningSplitter& splitter,
             const std::vector<std::string>& pieces) {
  Spoken all;
  const auto add = [&](const Spoken& spoken) {
    all.reasoning += spoken.reasoning;
    all.content += spoken.content;
  };
  for (const std::string& piece : pieces) add(splitter.push(piece));
  add(splitter.finish());
  return all;
}

struct Case {
  const char* text;
  bool opened;
  const char* reasoning;
  const char* content;
};

constexpr Case kCases[] = {
    {"Hello.", false, "", "Hello."},
    {" \n Hello. ", false, "", " \n Hello. "},
    {"", false, "", ""},
    {"<think>\nWell, so.\n</think>\n\nHello.\n", false, "Well, so.",
     "Hello.\n"},
    {"\n<think>a  b</think>c<think>d</think>", false, "a  b",
     "c<think>d</think>"},
    {"<think></think>Hi", false, "", "Hi"},
    {"<think>\n\n</think>\n\nHi", false, "", "Hi"},
    {"<think>a < b </thin > c</think>d", false, "a < b </thin > c", "d"},
    {"<think>never ends </thi", false, "never ends </thi", ""},
    {"<thin", false, "", "<thin"},
    {"<thinker>", false, "", "<thinker>"},
    {"x <think>a</think>", false, "", "x <think>a</think>"},
    {"So.\n</think>\nHi", true, "So.", "Hi"},
    {"</think>Hi", true, "", "Hi"},
    {"Grüße</think>é", true, "Grüße", "é"},
};

TEST(ReasoningTest, TakesWhatIsThoughtApartHoweverTheTextIsCut) {
  for (const Case& c : kCases) {
    const std::string text = c.text;
    for (std::size_t a = 0; a <= text.size(); ++a) {
      for (std::size_t b = a; b <= text.size(); ++b) {
        ReasoningSplitter splitter(true, c.opened);
        const Spoken spoken =
            split(splitter,
                  {text.substr(0, a), text.substr(a, b - a), text.substr(b)});
        ASSERT_EQ(spoken.reasoning, c.reasoning)
            << text << " " << a << " " << b;
        ASSERT_EQ(spoken.content, c.content) << text << " " << a << " " << b;
      }
    }
  }
}

TEST(ReasoningTest, KnowsWhereItEnds) {
  ReasoningSplitter splitter(true, false);
  splitter.push("<think>abc</thi");
  EXPECT_TRUE(splitter.is_thinking());
  EXPECT_EQ(splitter.reasoning_end(), 0u);
  splitter.push("nk>d");
  EXPECT_FALSE(splitter.is_thinking());
  EXPECT_EQ(splitter.reasoning_end(), 18u);
}

TEST(ReasoningTest, SwitchedOffLeavesAllInTheText) {
  ReasoningSplitter splitter(false, true);
  const Spoken spoken = split(splitter, {"<think>a</think>", "b"});
  EXPECT_EQ(spoken.reasoning, "");
  EXPECT_EQ(spoken.content, "<think>a</think>b");
}

TEST(ReasoningTest, APromptMayOpenIt) {
  EXPECT_TRUE(opens_reasoning("<|assistant|><think>\n"));
  EXPECT_FALSE(opens_reasoning("<think>\n\n</think>\n\n"));
  EXPECT_FALSE(opens_reasoning(""));
}

}  // namespace
}  // namespace pilotfish::server
