#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/jinja/characters.h"
#include "text/regex.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

// docs/decisions/unicode.md: which Unicode the tokenizers go by.
namespace pilotfish {
namespace {

std::string text_of(char32_t code) {
  std::string text;
  append_utf8(code, text);
  return text;
}

size_t matched_bytes(const Regex& pattern, const std::string& text) {
  std::vector<Span> spans;
  pattern.find_all(text, spans);
  size_t bytes = 0;
  for (const Span& span : spans) bytes += span.size();
  return bytes;
}

TEST(UnicodeVersion, PatternsGoByUnicode14) {
  const Regex letters("\\p{L}+");
  const std::string vithkuqi = text_of(0x10570);  // a letter since 14.0
  const std::string kawi = text_of(0x11F04);      // a letter since 15.0
  EXPECT_EQ(matched_bytes(letters, vithkuqi), vithkuqi.size());
  EXPECT_EQ(matched_bytes(letters, kawi), 0u);
  EXPECT_EQ(matched_bytes(Regex("\\p{N}"), text_of(0x1D2C0)), 0u);  // 15.0
}

TEST(UnicodeVersion, NormalFormsGoByUnicode15) {
  // Marks of Nag Mundari, since 15.0: the lower one comes first.
  const std::string above = text_of(0x1E4EF);
  const std::string below = text_of(0x1E4EE);
  EXPECT_EQ(to_unicode_form("a" + above + below, UnicodeForm::kNfc),
            "a" + below + above);
  // Composed since 13.0.
  EXPECT_EQ(
      to_unicode_form(text_of(0x11935) + text_of(0x11930), UnicodeForm::kNfc),
      text_of(0x11938));
}

// What Unicode 14 has is alike in both libraries: they differ in the letters
// that are new in 15.0, and in nothing else.
TEST(UnicodeVersion, TheTwoLibrariesDifferInNewLettersAlone) {
  const Regex letter("\\p{L}");
  std::string letters;
  std::string others;
  for (char32_t code = 1; code < 0x110000; ++code) {
    if (code == 0xD800) code = 0xE000;
    append_utf8(code, jinja::is_letter(code) ? letters : others);
  }
  std::vector<Span> spans;
  letter.find_all(letters, spans);
  EXPECT_EQ(jinja::count_characters(letters), 136'104u);  // of Unicode 15.0
  EXPECT_EQ(spans.size(), 131'756u);                      // of 14.0
  EXPECT_EQ(matched_bytes(letter, others), 0u);
}

}  // namespace
}  // namespace pilotfish
