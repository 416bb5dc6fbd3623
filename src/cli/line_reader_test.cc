#include "cli/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <thread>

#include "pipe.h"

namespace pilotfish::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Optional;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

// Waits for at most ten seconds, so that a test fails rather than hangs.
void wait_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 10'000 && !holds(); ++i) {
    std::this_thread::sleep_for(milliseconds(1));
  }
}

class LineReaderTest : public ::testing::Test {
 protected:
  InterruptFlag interrupt_;
  test::Pipe pipe_;
  LineReader reader_{interrupt_, pipe_.reading_end()};
};

TEST_F(LineReaderTest, ReadsLines) {
  pipe_.write("one\n\n two \nno line break");
  pipe_.close_writing_end();
  EXPECT_THAT(reader_.read(), Optional(std::string("one")));
  EXPECT_THAT(reader_.read(), Optional(std::string("")));
  EXPECT_THAT(reader_.read(), Optional(std::string(" two ")));
  EXPECT_THAT(reader_.read(), Optional(std::string("no line break")));
  EXPECT_EQ(reader_.read(), std::nullopt);
  EXPECT_EQ(reader_.read(), std::nullopt);
}

TEST_F(LineReaderTest, ACarriageReturnBelongsToTheLineBreak) {
  pipe_.write("one\\\r\ntwo\r\n/quit\r\n");
  EXPECT_THAT(reader_.read(), Optional(std::string("one\ntwo")));
  EXPECT_THAT(reader_.read(), Optional(std::string("/quit")));
}

TEST_F(LineReaderTest, ReadsLinesLongerThanItsBufferAndInPieces) {
  const std::string line(10'000, 'a');
  pipe_.write(line);
  const test::Later rest(milliseconds(50), [&] { pipe_.write("b\nc\n"); });
  EXPECT_THAT(reader_.read(), Optional(line + "b"));
  EXPECT_THAT(reader_.read(), Optional(std::string("c")));
}

TEST_F(LineReaderTest, JoinsLinesThatEndWithABackslash) {
  pipe_.write("one\\\ntwo\\\n\nthree\\\nend");
  pipe_.close_writing_end();
  EXPECT_THAT(reader_.read(), Optional(std::string("one\ntwo\n")));
  EXPECT_THAT(reader_.read(), Optional(std::string("three\nend")));
}

TEST_F(LineReaderTest, CtrlCThrowsAwayWhatWasTyped) {
  pipe_.write("first\\\nsecond");
  const std::jthread typing([&] {
    wait_until([&] { return pipe_.empty(); });
    std::raise(SIGINT);
    wait_until([&] { return !interrupt_.raised(); });
    pipe_.write("third\n");
  });
  CaptureStderr();
  EXPECT_THAT(reader_.read(), Optional(std::string("third")));
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("again to leave"));
}

TEST_F(LineReaderTest, CtrlCTwiceIsTheEnd) {
  std::raise(SIGINT);  // before it begins to wait
  const std::jthread typing([&] {
    wait_until([&] { return !interrupt_.raised(); });
    std::raise(SIGINT);
  });
  const test::Later give_up(std::chrono::seconds(10),
                            [&] { pipe_.write("too late\n"); });
  CaptureStderr();
  EXPECT_EQ(reader_.read(), std::nullopt);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("again to leave"));
  EXPECT_FALSE(interrupt_.raised());
}

TEST_F(LineReaderTest, ALineBetweenMakesItTheFirstAgain) {
  CaptureStderr();
  for (int i = 0; i < 2; ++i) {
    std::raise(SIGINT);
    const test::Later line(milliseconds(50), [&] { pipe_.write("line\n"); });
    EXPECT_THAT(reader_.read(), Optional(std::string("line")));
  }
  GetCapturedStderr();
}

}  // namespace
}  // namespace pilotfish::cli
