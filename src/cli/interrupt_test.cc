#include "cli/interrupt.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>

#include "pipe.h"

namespace pilotfish::cli {
namespace {

TEST(InterruptFlag, IsRaisedUntilCleared) {
  InterruptFlag flag;
  EXPECT_FALSE(flag.raised());
  std::raise(SIGINT);
  std::raise(SIGINT);
  EXPECT_TRUE(flag.raised());
  EXPECT_TRUE(flag.raised());
  flag.clear();
  EXPECT_FALSE(flag.raised());
  flag.clear();  // does not wait
}

TEST(InterruptFlag, WaitsForInput) {
  const InterruptFlag flag;
  test::Pipe pipe;
  const test::Later write(std::chrono::milliseconds(50),
                          [&] { pipe.write("x"); });
  EXPECT_TRUE(flag.wait_to_read(pipe.reading_end()));
}

TEST(InterruptFlag, EndsAWait) {
  const InterruptFlag flag;
  test::Pipe pipe;
  const test::Later raise(
      std::chrono::milliseconds(50),
      [main = ::pthread_self()] { ::pthread_kill(main, SIGINT); });
  EXPECT_FALSE(flag.wait_to_read(pipe.reading_end()));
}

// The moment at which a flag in a variable would be missed.
TEST(InterruptFlag, EndsAWaitThatHasNotBegun) {
  const InterruptFlag flag;
  test::Pipe pipe;
  const test::Later give_up(std::chrono::seconds(10),
                            [&] { pipe.write("too late"); });
  std::raise(SIGINT);
  EXPECT_FALSE(flag.wait_to_read(pipe.reading_end()));
}

TEST(InterruptFlag, PutsTheFormerActionBack) {
  static volatile std::sig_atomic_t caught;
  caught = 0;
  const auto former = std::signal(SIGINT, [](int) { caught = 1; });
  {
    const InterruptFlag flag;
    std::raise(SIGINT);
    EXPECT_EQ(caught, 0);
  }
  std::raise(SIGINT);
  EXPECT_EQ(caught, 1);
  std::signal(SIGINT, former);
}

// A write that waits for its reader goes on after Ctrl-C.
TEST(InterruptFlag, LosesNoOutput) {
  const InterruptFlag flag;
  test::Pipe pipe;
  const test::Later raise(
      std::chrono::milliseconds(50),
      [main = ::pthread_self()] { ::pthread_kill(main, SIGINT); });
  const test::Later read(std::chrono::milliseconds(200), [&] { pipe.drain(); });
  pipe.fill();
  EXPECT_EQ(::write(pipe.writing_end(), "x", 1), 1);
  EXPECT_TRUE(flag.raised());
}

}  // namespace
}  // namespace pilotfish::cli
