// The window policy over recorded passes of the pair that ships, without models
// and clocks: every figure repeats.

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "source_dir.h"
#include "speculative/testing/recorded_passes.h"
#include "speculative/window/adaptive_window.h"

namespace pilotfish {
namespace {

using test::Recording;
using test::Replay;

Recording recording(const std::string& name) {
  return Recording::read(test::source_dir() /
                         "src/speculative/window/testdata" / (name + ".txt"));
}

// The speed of -k auto, in that of plain decoding and of -k 4.
struct Ratios {
  double plain = 0;
  double four = 0;
};

// Each text starts in many moments of the recording, each time with an engine
// that knows nothing yet.
Ratios replay(const std::string& texts, const std::string& passes) {
  constexpr std::size_t kStarts = 20;
  const Recording text = recording(texts);
  const Recording machine = recording(passes);
  double time = 0;
  double plain = 0;
  double four = 0;
  for (std::size_t start = 0; start < kStarts; ++start) {
    for (const test::RecordedText& recorded : text.texts) {
      Replay moment(recorded, machine.frames,
                    start * machine.frames.size() / kStarts);
      AdaptiveWindow policy(1);
      time += Replay(moment).time(policy);
      plain += Replay(moment).time(1);
      four += Replay(moment).time(4);
    }
  }
  return {plain / time, four / time};
}

TEST(WindowReplay, GreedyOnASteadyMachine) {
  const Ratios ratios = replay("greedy_texts", "steady_passes");
  EXPECT_GT(ratios.plain, 1.8);
  EXPECT_GT(ratios.four, 0.97);
}

TEST(WindowReplay, SampledOnASteadyMachine) {
  const Ratios ratios = replay("sampled_texts", "steady_passes");
  EXPECT_GT(ratios.plain, 1.8);
  EXPECT_GT(ratios.four, 0.97);
}

TEST(WindowReplay, GreedyBesideCompilers) {
  const Ratios ratios = replay("greedy_texts", "busy_passes");
  EXPECT_GT(ratios.plain, 1.3);
  EXPECT_GT(ratios.four, 0.93);
}

TEST(WindowReplay, SampledBesideCompilers) {
  const Ratios ratios = replay("sampled_texts", "busy_passes");
  EXPECT_GT(ratios.plain, 1.25);
  EXPECT_GT(ratios.four, 0.86);
}

}  // namespace
}  // namespace pilotfish
