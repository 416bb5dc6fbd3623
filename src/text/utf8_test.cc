#include "text/utf8.h"

#include <gtest/gtest.h>

namespace pilotfish {
namespace {

TEST(Utf8, EveryScalarValueComesBack) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(c, text);
    ASSERT_EQ(utf8_character_length(text), text.size()) << std::hex << +c;
    ASSERT_EQ(utf8_code_point(text), c);
    const std::string after_x = std::string("x").append(text);
    ASSERT_EQ(last_character(after_x), 1U);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(utf8_character_length(text.substr(0, cut)), 0U);
      ASSERT_EQ(utf8_complete_length(after_x.substr(0, cut + 1)), 1U);
    }
  }
}

TEST(Utf8, RefusesWhatIsNoCharacter) {
  for (const std::string_view bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF",  // overlong, 2 bytes
        "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",      // overlong, 3 and 4
        "\xED\xA0\x80", "\xED\xBF\xBF",          // surrogates
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF",
        "\xC3"
        "A",
        "\xE2\x82"
        "A"}) {
    EXPECT_EQ(utf8_character_length(bad), 0U) << bad;
    EXPECT_FALSE(is_valid_utf8(bad));
    // None of them can become a character by what follows.
    EXPECT_EQ(utf8_complete_length(bad), bad.size()) << bad;
  }
}

// The examples of Unicode 15, section 3.9, tables 3-8 to 3-11.
TEST(Utf8, ReplacesMaximalParts) {
  EXPECT_EQ(to_valid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                          "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                          "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  EXPECT_EQ(to_valid_utf8("\xF4\x91\x92\x93\xFF"
                          "A\x80\xBF"
                          "B"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA\uFFFD\uFFFDB");
  EXPECT_EQ(to_valid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                          "A"),
            "\uFFFD\uFFFD\uFFFD\uFFFDA");
}

TEST(Utf8, RunsCoverTheText) {
  std::string seen;
  for_each_utf8_run("a\u00E9\xFF\xC3z\xE2\x82", [&](auto run, bool valid) {
    seen.append(valid ? "+" : "-").append(std::to_string(run.size()));
  });
  EXPECT_EQ(seen, "+3-2+1-2");
}

}  // namespace
}  // namespace pilotfish
