#include "cli/page/markup.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace pilotfish::cli {
namespace {

std::string shown(std::string_view bytes) { return text(bytes).source(); }

TEST(Markup, EscapesWhatHtmlReads) {
  EXPECT_EQ(shown("</span><script>alert('1') && \"2\"</script>"),
            "&lt;/span&gt;&lt;script&gt;alert('1') &amp;&amp; "
            "&quot;2&quot;&lt;/script&gt;");
  EXPECT_EQ(element("p", {{"title", "\"><b onclick=\"x"}}, "<i>").source(),
            "<p title=\"&quot;&gt;&lt;b onclick=&quot;x\">&lt;i&gt;</p>");
}

TEST(Markup, KeepsTextsOfAllScripts) {
  for (const char* words :
       {"a\tb\nc", "é ñ ß", "日本語", "שלום", "مرحبا", "👩‍👩‍👧"}) {
    EXPECT_EQ(shown(words), words);
  }
}

TEST(Markup, ReplacesBytesThatAreNoCharacters) {
  EXPECT_EQ(shown("a\xFF\xFE"
                  "b"),
            "a\uFFFD\uFFFD"
            "b");
  EXPECT_EQ(shown("\xE2\x82"), "\uFFFD");        // cut short
  EXPECT_EQ(shown("\xC0\xAF"), "\uFFFD\uFFFD");  // an overlong slash
  EXPECT_EQ(shown("<\x80<"), "&lt;\uFFFD&lt;");
}

TEST(Markup, SpellsOutControlsAndWhatTurnsText) {
  const std::pair<std::string_view, const char*> cases[] = {
      {std::string_view("\0", 1), "␀"},
      {"\x1b[31m", "␛[31m"},
      {"\r", "␍"},
      {"\x7f", "‹U+007F›"},
      {"\u0085", "‹U+0085›"},
      {"\u202e<", "‹U+202E›&lt;"},
      {"\u2066", "‹U+2066›"},
      {"\u200f", "‹U+200F›"},
      {"\u061c", "‹U+061C›"},
      {"\ufffe", "‹U+FFFE›"},
      {"\U0001ffff", "‹U+1FFFF›"},
      {"\ufdd0", "‹U+FDD0›"},
  };
  for (const auto& [bytes, spelled] : cases) EXPECT_EQ(shown(bytes), spelled);
}

TEST(Markup, HasEndTagsWhereHtmlHasThem) {
  EXPECT_EQ(element("meta", {{"charset", "utf-8"}}).source(),
            "<meta charset=\"utf-8\">");
  EXPECT_EQ(element("i", {}, text("a") + element("br", {})).source(),
            "<i>a<br></i>");
}

}  // namespace
}  // namespace pilotfish::cli
