#include "cli/sweep_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace pilotfish::cli {
namespace {

SweepComparison comparison(std::int64_t window, std::int64_t prompts) {
  SweepComparison one;
  one.setting = {{"model"}, "block", 0, window};
  one.prompts = prompts;
  IterationStats pass;
  pass.emitted = 1;
  pass.verify_seconds = pass.total_seconds = 0.00123;
  const std::vector<IterationStats> plain(8, pass);
  one.plain.add(plain);
  pass.drafted = window - 1;
  pass.accepted = window - 1;
  pass.emitted = window;
  const std::vector<IterationStats> passes(8, pass);
  one.speculative.add(passes);
  return one;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class SweepReportTest : public testing::Test {
 protected:
  SweepRun run(std::vector<SweepComparison> comparisons) const {
    return {session_, std::move(comparisons), 16, 2, 128};
  }

 private:
  Session session_;
};

TEST_F(SweepReportTest, ResultsComeBeforeWhatTheyComeFrom) {
  const SweepRun all = run({comparison(2, 16), comparison(4, 16)});
  const auto wide = lines_of(sweep_table(all, false, 80));
  ASSERT_EQ(wide.size(), 5u);
  EXPECT_EQ(wide[1],
            "window speed-up tokens/pass accepted    TPOT verify  draft "
            "predicted");
  EXPECT_EQ(wide[4].substr(0, 20), "     4    4.00x     ");

  const auto narrow = lines_of(sweep_table(all, false, 44));
  ASSERT_EQ(narrow.size(), 10u);
  EXPECT_EQ(narrow[1], "window speed-up tokens/pass accepted    TPOT");
  EXPECT_EQ(narrow[6], "window verify  draft predicted");
}

TEST_F(SweepReportTest, EveryTerminalIsWideEnough) {
  const SweepRun all = run({comparison(2, 16), comparison(4, 3)});
  for (int columns = 20; columns < 100; ++columns) {
    for (const std::string& text :
         {sweep_table(all, false, columns), sweep_notes(all, columns)}) {
      for (const std::string& line : lines_of(text)) {
        EXPECT_LE(static_cast<int>(line.size()), columns) << line;
      }
    }
  }
}

TEST_F(SweepReportTest, AnInterruptedRunCountsWhatRan) {
  const SweepRun some = run({comparison(2, 2), comparison(4, 1)});
  EXPECT_TRUE(some.interrupted());
  EXPECT_TRUE(some.comparable());
  EXPECT_EQ(some.prompts(), 2);
  EXPECT_EQ(sweep_notes(some, 80),
            "\ninterrupted: 3 of 32 runs were made (a run is a prompt with a "
            "setting), over 2\nof 16 prompts and 2 of 2 settings\n2 prompts, "
            "128 tokens each, 0 threads; every run next to a plain one. verify "
            "and\ndraft: medians per pass, relative to a plain pass; "
            "predicted: tokens a pass\ndivided by their sum.\n");
  const SweepRun first = run({comparison(2, 1)});
  EXPECT_FALSE(first.comparable());
  EXPECT_EQ(sweep_table(first, true, 80).find('\033'), std::string::npos);
  EXPECT_NE(sweep_table(some, true, 80).find("\033[1;32m"), std::string::npos);
  const SweepRun all = run({comparison(2, 16), comparison(4, 16)});
  EXPECT_FALSE(all.interrupted());
  EXPECT_EQ(sweep_notes(all, 80).find("interrupted"), std::string::npos);
}

}  // namespace
}  // namespace pilotfish::cli
