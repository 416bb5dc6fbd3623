#include "constraint/code_points.h"

#include <gtest/gtest.h>

#include <string>

#include "constraint/testing/pcre2_match.h"
#include "constraint/unicode_class.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

using Ranges = std::vector<CodePointRange>;

std::string utf8(char32_t code_point) {
  std::string text;
  append_utf8(code_point, text);
  return text;
}

Ranges with_cases(char32_t c) {
  return CodePointSet({{c, c}}).with_cases().ranges();
}

TEST(CodePointSet, JoinsRangesAndLeavesOutSurrogates) {
  EXPECT_EQ(
      CodePointSet({{'x', 'z'}, {'a', 'c'}, {'d', 'd'}, {'b', 'b'}}).ranges(),
      (Ranges{{'a', 'd'}, {'x', 'z'}}));
  EXPECT_EQ(CodePointSet({{0, kLastCodePoint}}).ranges(),
            (Ranges{{0, 0xD7FF}, {0xE000, kLastCodePoint}}));
  EXPECT_TRUE(CodePointSet({{0xD800, 0xDFFF}}).empty());
}

TEST(CodePointSet, NegatesTwiceToItself) {
  const CodePointSet set({{0, 5}, {'a', 'z'}, {0xD000, 0xE100}});
  EXPECT_EQ(set.negated().negated(), set);
  for (const unsigned c : {0u, 5u, 6u, 96u, 97u, 0xCFFFu, 0xD000u, 0xE101u}) {
    EXPECT_NE(set.contains(c), set.negated().contains(c)) << c;
  }
  EXPECT_TRUE(CodePointSet({{0, kLastCodePoint}}).negated().empty());
}

// For every character that has cases, PCRE2 finds the same others.
TEST(CodePointSet, FoldsCasesAsUnicodeDoes) {
  std::vector<char32_t> letters;
  for (char32_t c = 0; c <= 0x1FFFF; ++c) {
    if (c < 0xD800 || c > 0xDFFF) {
      if (with_cases(c) != Ranges{{c, c}}) letters.push_back(c);
    }
  }
  EXPECT_GT(letters.size(), 2700u);
  for (const char32_t c : letters) {
    const test::Pcre2 same(utf8(c), PCRE2_CASELESS | PCRE2_ANCHORED);
    for (const auto& [first, last] : with_cases(c)) {
      for (char32_t other = first; other <= last; ++other) {
        EXPECT_TRUE(same.finds(utf8(other)))
            << std::hex << std::uint32_t{c} << ' ' << std::uint32_t{other};
      }
    }
  }
}

TEST(CodePointSet, FoldsNoCasesThatUnicodeDoesNot) {
  EXPECT_EQ(with_cases('k'),
            (Ranges{{'K', 'K'}, {'k', 'k'}, {0x212A, 0x212A}}));
  EXPECT_EQ(with_cases(0x17F),
            (Ranges{{'S', 'S'}, {'s', 's'}, {0x17F, 0x17F}}));
  EXPECT_EQ(with_cases('i'), (Ranges{{'I', 'I'}, {'i', 'i'}}));
  EXPECT_EQ(with_cases(0x130), (Ranges{{0x130, 0x130}}));  // dotted I
  EXPECT_EQ(with_cases('5'), (Ranges{{'5', '5'}}));
}

TEST(UnicodeClass, KnowsCategoriesAndScripts) {
  EXPECT_TRUE(unicode_class("L")->contains(U'\u00E9'));
  EXPECT_FALSE(unicode_class("Lu")->contains(U'\u00E9'));
  EXPECT_TRUE(unicode_class("Greek")->contains(U'\u03B1'));
  // A mark that many scripts share: in Script_Extensions alone.
  EXPECT_FALSE(unicode_class("Greek")->contains(0x342));
  EXPECT_TRUE(ecma_unicode_class("scx=Greek")->contains(0x342));
  EXPECT_TRUE(unicode_class("Any")->contains(kLastCodePoint));
  EXPECT_FALSE(unicode_class("C")->contains(0x378));  // not assigned
  EXPECT_TRUE(ecma_unicode_class("C")->contains(0x378));
  EXPECT_TRUE(unicode_class("Cs")->empty());
  for (const char* name : {"Letter", "gc=L", "General_Category=Letter", "L"}) {
    ASSERT_TRUE(ecma_unicode_class(name)) << name;
    EXPECT_EQ(*ecma_unicode_class(name), *unicode_class("L")) << name;
  }
  EXPECT_TRUE(ecma_unicode_class("Alphabetic")->contains(U'a'));
  EXPECT_TRUE(ecma_unicode_class("Script=Han")->contains(U'\u4E00'));
  for (const char* name :
       {"", "Nothing", "L ", "sc:Greek", "=", "x=L", "L}a"}) {
    EXPECT_FALSE(unicode_class(name)) << name;
    EXPECT_FALSE(ecma_unicode_class(name)) << name;
  }
  EXPECT_FALSE(unicode_class("Letter"));
}

}  // namespace
}  // namespace pilotfish
