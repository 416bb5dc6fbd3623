#include "web/page.h"

#include <gtest/gtest.h>

#include <string>

#include "html_page.h"

namespace pilotfish::web {
namespace {

using test::html_fault;

TEST(Page, HoldsItsDataAndNothingElse) {
  const std::string page = page_with(R"({"a":[1,"b"]})");
  EXPECT_EQ(html_fault(page), "");
  EXPECT_EQ(test::parts_of(page).data, R"({"a":[1,"b"]})");
  EXPECT_EQ(test::parts_of(page).frame,
            test::parts_of(page_with(R"({"c":"d"})")).frame);
}

TEST(Page, DataCannotEndTheirElement) {
  const std::string page =
      page_with(R"({"a":"</script><script>alert(1)</script><!--"})");
  EXPECT_EQ(html_fault(page), "");
  EXPECT_EQ(test::data_of(page)["a"], "</script><script>alert(1)</script><!--");
}

TEST(Page, HasAllPartsOfItsScriptAndStyle) {
  const std::string page = page_with("{}");
  for (const char* part :
       {"--paper: #fff", "prefers-color-scheme: dark", ".plots {",
        "function harmless(", "function linePlot(", "function sweepReport(",
        "function traceReport(", "showReport(", "<noscript>"}) {
    EXPECT_NE(page.find(part), page.npos) << part;
  }
  EXPECT_EQ(page.find("@PAGE_"), page.npos);
}

TEST(Page, TheCheckFindsFaults) {
  const std::string page = page_with(R"({"a":"b"})");
  const auto with = [&](const std::string& place, const std::string& planted) {
    std::string bad = page;
    bad.insert(bad.find(place), planted);
    return html_fault(bad);
  };
  EXPECT_EQ(with("<noscript>", "<p>"), "");
  EXPECT_NE(with("b\"}", "<"), "");
  EXPECT_NE(with("b\"}", "\""), "");
  EXPECT_NE(with("<noscript>", "<script></script>"), "");
  EXPECT_NE(with("<noscript>", "<a href=\"https://example.org\">"), "");
  EXPECT_NE(with("<noscript>", "<img alt=\"\">"), "");
  EXPECT_NE(with("showReport(", "document.body.innerHTML = data;"), "");
}

}  // namespace
}  // namespace pilotfish::web
