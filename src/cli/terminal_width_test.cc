#include "cli/terminal_width.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace pilotfish::cli {
namespace {

// Columns of a line in which only "…" is no ASCII.
int columns_of(const std::string& line) {
  return static_cast<int>(
      std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; }));
}

TEST(ProgressLine, FitsTerminalsFromTwentyColumnsUpwards) {
  for (const std::string label :
       {"measuring", "encoding the prompt", "loading the draft model again",
        "writing "
        "a-shape-with-a-very-long-name-that-no-terminal-has-room-for"}) {
    for (const char* left : {"", ", 7 s left", ", 1234 min left"}) {
      for (const double fraction : {-1.0, 0.0, 0.004, 0.42, 1.0, 1.1}) {
        for (int columns = 20; columns < 200; ++columns) {
          const std::string line =
              progress_line(label, fraction, left, columns);
          EXPECT_LT(columns_of(line), columns) << line;
          EXPECT_NE(line.find(" %"), line.npos) << line;
          EXPECT_EQ(line.substr(0, 5), label.substr(0, 5));
        }
      }
    }
  }
}

TEST(ProgressLine, HasWhatThereIsRoomFor) {
  const std::string left = ", 7 s left";
  EXPECT_EQ(progress_line("loading target", 0.42, left, 80),
            "loading target [==========              ]  42 %, 7 s left");
  EXPECT_EQ(progress_line("loading target", 0.42, left, 40),
            "loading target [==    ]  42 %, 7 s left");
  EXPECT_EQ(progress_line("loading target", 0.42, left, 38),
            "loading target [=====         ]  42 %");
  EXPECT_EQ(progress_line("loading target", 0.42, left, 24),
            "loading target  42 %");
  EXPECT_EQ(progress_line("loading target", 1, left, 20),
            "loading targ… 100 %");
}

TEST(Wrapped, BreaksLinesAtSpaces) {
  EXPECT_EQ(wrapped("one two three\nfour\n", 8), "one two\nthree\nfour\n");
  EXPECT_EQ(wrapped("a-word-that-is-long and", 8), "a-word-that-is-long\nand");
  EXPECT_EQ(wrapped("", 8), "");
  EXPECT_EQ(wrapped("no end", 80), "no end");
  std::string text;
  for (int i = 0; i < 100; ++i) text += "word ";
  for (int columns = 20; columns < 200; ++columns) {
    std::istringstream lines(wrapped(text, columns));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(columns_of(line), std::min(columns, 80));
    }
  }
}

}  // namespace
}  // namespace pilotfish::cli
