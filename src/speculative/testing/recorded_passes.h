#ifndef PILOTFISH_SPECULATIVE_TESTING_RECORDED_PASSES_H_
#define PILOTFISH_SPECULATIVE_TESTING_RECORDED_PASSES_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "speculative/drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/window_simulation.h"
#include "speculative/window_policy.h"

namespace pilotfish::test {

// What bench/record_passes recorded with a real pair of models.

// A draft of 15 tokens from one position of a text.
struct RecordedDraft {
  std::vector<std::int64_t> accepted;  // [i] of its first i + 1 tokens
  std::vector<double> confidences;     // of each token
};
using RecordedText = std::vector<RecordedDraft>;

// Passes with windows of every length, which followed each other closely.
struct RecordedFrame {
  static constexpr std::array<std::int64_t, 11> kWindows = {1, 2, 3,  4,  5, 6,
                                                            7, 8, 10, 12, 16};
  std::array<double, 11> target;  // seconds, by window
  std::array<double, 11> draft;
  // Of a window that may lie between those recorded.
  static double at(const std::array<double, 11>& times, std::int64_t window) {
    const auto after = std::ranges::lower_bound(kWindows, window);
    const auto i = static_cast<size_t>(after - kWindows.begin());
    if (*after == window) return times[i];
    const double part = static_cast<double>(window - kWindows[i - 1]) /
                        static_cast<double>(kWindows[i] - kWindows[i - 1]);
    return times[i - 1] + part * (times[i] - times[i - 1]);
  }
};

struct Recording {
  std::vector<RecordedText> texts;
  std::vector<RecordedFrame> frames;

  // A line for each draft and each frame, and "text" behind each text.
  static Recording read(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    Recording recording;
    RecordedText text;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      std::string first;
      std::string second;
      if (line == "text") {
        recording.texts.push_back(std::exchange(text, {}));
      } else if (words >> first >> second; words >> std::ws, words.eof()) {
        text.push_back(draft_of(first, second));
      } else {
        recording.frames.push_back(frame_of(line));
      }
    }
    return recording;
  }

 private:
  static RecordedDraft draft_of(const std::string& accepted,
                                const std::string& confidences) {
    RecordedDraft draft;
    for (const char digit : accepted) {
      draft.accepted.push_back(std::stol(std::string(1, digit), nullptr, 16));
    }
    for (size_t i = 0; i < accepted.size(); ++i) {
      draft.confidences.push_back(
          (std::stod(confidences.substr(2 * i, 2)) + 0.5) / 100);
    }
    return draft;
  }
  static RecordedFrame frame_of(const std::string& line) {
    std::istringstream words(line);
    RecordedFrame frame;
    for (size_t i = 0; i < RecordedFrame::kWindows.size(); ++i) {
      words >> frame.target[i] >> frame.draft[i];
      frame.target[i] *= 1e-6;
      frame.draft[i] *= 1e-6;
    }
    if (!words) throw std::runtime_error("a frame is cut short: " + line);
    return frame;
  }
};

// Decodes a recorded text on a recorded machine, deterministically: an
// iteration takes what one with its window took about that moment.
class Replay {
 public:
  Replay(const RecordedText& text, const std::vector<RecordedFrame>& frames,
         std::size_t start)
      : text_(&text), frames_(&frames), start_(start) {}

  // Seconds that the text takes with windows that the policy chooses.
  double time(WindowPolicy& policy) {
    SequenceOptions options;
    options.prompt = {0};
    const KeyedSequence sequence(options);
    double time = 0;
    for (std::int64_t place = 0; place < std::ssize(*text_);) {
      time += iterate(policy, sequence, place);
    }
    return time;
  }
  double time(std::int64_t window) {
    FixedWindow policy(window);
    return time(policy);
  }

 private:
  // Returns what it takes, and moves `place` on.
  double iterate(WindowPolicy& policy, const Sequence& sequence,
                 std::int64_t& place) {
    const RecordedDraft& recorded = (*text_)[static_cast<size_t>(place)];
    DraftGuide& guide = policy.plan(sequence, 1);
    const std::int64_t most =
        std::min({guide.most(), std::ssize(*text_) - place - 1,
                  std::ssize(recorded.confidences)});
    std::int64_t drafted = 0;
    for (bool more = most > 0; more && drafted < most; ++drafted) {
      guide.drafted(recorded.confidences[static_cast<size_t>(drafted)]);
      more = guide.another_pays();
    }
    const std::int64_t accepted =
        drafted == 0 ? 0 : recorded.accepted[static_cast<size_t>(drafted - 1)];

    const RecordedFrame& frame = next_frame();
    const double target = RecordedFrame::at(frame.target, 1 + drafted);
    double draft =
        drafted == 0 ? 1e-7 : RecordedFrame::at(frame.draft, 1 + drafted);
    if (drafted > 0) {  // context that the draft model missed
      // Rows of context that it encodes in the time of a token.
      constexpr double kRowsPerToken = 5;
      const auto missed = static_cast<double>(std::min<std::int64_t>(
          std::exchange(behind_, 0), DraftRequest::kShortContext));
      draft *= 1 + missed / kRowsPerToken / static_cast<double>(drafted);
    } else {
      ++behind_;
    }
    const WindowOutcome outcome = {sequence.key, drafted, drafted, accepted};
    policy.observe({{&outcome, 1}, draft, target, false});
    place += accepted + 1;
    return target + draft;
  }

  // The recording moves on slowly, so that its slow phases last, and no frame
  // serves twice in a row, so that what disturbed a single pass does not.
  const RecordedFrame& next_frame() {
    constexpr std::size_t kIterationsPerFrame = 4;
    constexpr std::size_t kNeighbours = 9;
    const std::size_t i =
        start_ + iteration_ / kIterationsPerFrame + iteration_ % kNeighbours;
    ++iteration_;
    return (*frames_)[i % frames_->size()];
  }

  const RecordedText* text_;
  const std::vector<RecordedFrame>* frames_;
  std::size_t start_;
  std::int64_t behind_ = 0;
  std::size_t iteration_ = 0;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_RECORDED_PASSES_H_
