#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "cli/page/axes.h"
#include "cli/page/bar_plot.h"
#include "cli/page/frame.h"
#include "cli/page/line_plot.h"
#include "html_page.h"

namespace pilotfish::cli {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The numbers that follow `before`, each time.
std::vector<double> numbers_after(const std::string& source,
                                  const std::string& before) {
  std::vector<double> numbers;
  for (size_t at = 0; (at = source.find(before, at)) != source.npos;) {
    at += before.size();
    numbers.push_back(std::stod(source.substr(at)));
  }
  return numbers;
}

LinePlot two_lines() {
  LinePlot plot;
  plot.title = "A";
  plot.x_title = "k (tokens)";
  plot.y_title = "times";
  plot.lines = {{"first", {{2, 1, 1, 1}, {4, 2, 1.5, 2.5}}, 0},
                {"second", {{2, 1, 1, 1}, {4, 2.01, 2.01, 2.01}}, 1}};
  return plot;
}

TEST(Axes, TicksAreNiceAndInside) {
  EXPECT_THAT(nice_ticks(0, 2.3, 5), ElementsAre(0, 0.5, 1, 1.5, 2));
  EXPECT_THAT(nice_ticks(0, 100, 5), ElementsAre(0, 20, 40, 60, 80, 100));
  EXPECT_EQ(nice_bound(2.3, 5), 2.5);
  EXPECT_EQ(nice_bound(100, 5), 100);
  EXPECT_EQ(nice_bound(0, 5), 1);
  EXPECT_EQ(tick_label(0.30000000000000004, 0.1), "0.3");
  EXPECT_EQ(tick_label(20, 20), "20");
  EXPECT_EQ(tick_label(0.25, 0.05), "0.25");
}

TEST(LinePlot, PutsPointsWhereTheirValuesAre) {
  LinePlot plot = two_lines();
  plot.lines.pop_back();
  const std::string source = line_plot(plot).source();
  // Each marker begins with "M" and its place.
  const std::regex marker("class=\"marker\" d=\"M([0-9.]+) ([0-9.]+)m");
  std::vector<std::pair<double, double>> places;
  for (std::sregex_iterator it(source.begin(), source.end(), marker), end;
       it != end; ++it) {
    places.emplace_back(std::stod((*it)[1]), std::stod((*it)[2]));
  }
  ASSERT_EQ(places.size(), 2);
  const std::regex zero("y1=\"([0-9.]+)\"[^>]*class=\"zero\"");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(source, match, zero));
  const double bottom = std::stod(match[1]);
  // Twice the value, twice the height; the larger x further right.
  EXPECT_NEAR(bottom - places[1].second, 2 * (bottom - places[0].second), 0.2);
  EXPECT_GT(places[1].first, places[0].first + 100);
  EXPECT_THAT(source, HasSubstr("first, at 4: 2.00 (1.50 to 2.50), times"));
  EXPECT_THAT(source, HasSubstr("class=\"band\""));
}

TEST(LinePlot, NamesDoNotOverlap) {
  const std::string source = line_plot(two_lines()).source();
  std::vector<double> heights;
  const std::regex name("y=\"([0-9.]+)\" class=\"name");
  for (std::sregex_iterator it(source.begin(), source.end(), name), end;
       it != end; ++it) {
    heights.push_back(std::stod((*it)[1]));
  }
  ASSERT_EQ(heights.size(), 2);
  EXPECT_GE(std::abs(heights[0] - heights[1]), 14);
}

TEST(LinePlot, DrawsWhatHasNoOrOnePoint) {
  LinePlot plot = two_lines();
  plot.lines = {{"", {}, 0}};
  EXPECT_EQ(line_plot(plot).source().find("nan"), std::string::npos);
  plot.lines = {{"", {{3, 0, 0, 0}}, 0}};
  EXPECT_EQ(line_plot(plot).source().find("nan"), std::string::npos);
}

TEST(BarPlot, PartsStandOnEachOther) {
  BarPlot plot;
  plot.part_names = {"verify", "draft"};
  plot.y_title = "ms";
  plot.bars = {{"plain", {4, 0}}, {"2", {1, 2}}};
  const std::string source = bar_plot(plot).source();
  const std::vector<double> heights = numbers_after(source, " height=\"");
  // Two of the key, then those of the bars.
  ASSERT_EQ(heights.size(), 6);
  EXPECT_THAT(heights[3], DoubleNear(0, 0.05));
  EXPECT_THAT(heights[4] * 4, DoubleNear(heights[2], 0.3));
  EXPECT_THAT(heights[5], DoubleNear(2 * heights[4], 0.2));
  EXPECT_THAT(source, HasSubstr("2, draft: 2, ms"));
}

TEST(Frame, IsAWellFormedPage) {
  const std::string whole =
      page("<&>", headline_figures({{"a", "1"}}),
           section("one", "Plots", line_plot(two_lines())) +
               section("two", "Command", command_block("x > 'y'")) +
               fact_list({{"Machine", "a < b"}}));
  EXPECT_EQ(test::html_fault(whole), "");
  EXPECT_THAT(whole, HasSubstr("<title>&lt;&amp;&gt;</title>"));
}

TEST(Frame, TheCheckFindsFaults) {
  const Markup none;
  const auto fault = [&](std::string_view content) {
    return test::html_fault(page("t", none, trusted(content)));
  };
  EXPECT_EQ(fault("<p>a</p>"), "");
  EXPECT_NE(fault("<p>a"), "");
  EXPECT_NE(fault("<p><b>a</p></b>"), "");
  EXPECT_NE(fault("<p id=\"a\"></p><p id=\"a\"></p>"), "");
  EXPECT_NE(fault("<a href=\"#none\"></a>"), "");
  EXPECT_NE(fault("<a href=\"https://example.org\"></a>"), "");
  EXPECT_NE(fault("<script>1</script>"), "");
  EXPECT_NE(fault("<p onclick=\"x\">a</p>"), "");
  EXPECT_NE(fault("<img src=\"x\">"), "");
}

}  // namespace
}  // namespace pilotfish::cli
