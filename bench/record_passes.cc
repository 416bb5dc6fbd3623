// Records what window_replay_test replays: how well a draft guesses a text at
// each of its positions, and what passes with windows of every length take.
//
// Usage: record_passes TARGET DRAFT PROMPTS TEMPERATURE TEXTS FRAMES
//
// PROMPTS is a file with a prompt in each line. TEXTS texts of 200 tokens are
// generated from them; at each position the draft proposes 15 tokens. Then
// windows of every length are decoded in turn, FRAMES times, in an order that
// changes, so that slow moments of the machine meet all of them alike.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "pilotfish/threads.h"
#include "pilotfish/tokenizer.h"
#include "pilotfish/window.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/loop/decode_all.h"
#include "speculative/loop/decoder.h"

namespace pilotfish {
namespace {

constexpr std::int64_t kTokens = 200;
constexpr std::int64_t kLongest = 16;  // k

// Fixed windows, and what came of them.
class Recorder : public WindowPolicy, private DraftGuide {
 public:
  DraftGuide& plan(const Sequence&, std::int64_t) override {
    confidences_.clear();
    return *this;
  }

 protected:
  virtual std::int64_t length() const = 0;
  std::vector<double> confidences_;

 private:
  std::int64_t most() override { return length(); }
  std::int64_t ask(std::size_t) override { return length(); }
  void drafted(double confidence) override {
    confidences_.push_back(confidence);
  }
  bool another_pays() override { return true; }
  bool worth(std::int64_t, double) override { return true; }
};

// Drafts as much as it can at each position.
class LongDrafts final : public Recorder {
 public:
  void observe(const IterationOutcome&) override {
    if (confidences_.empty()) return;
    fmt::print("  ");
    for (const double confidence : confidences_) {
      fmt::print("{:02}", std::min(99, static_cast<int>(100 * confidence)));
    }
    fmt::print("\n");
    confidences_.clear();
  }

 private:
  std::int64_t length() const override { return kLongest - 1; }
};

// Prints how many tokens another rule would keep of a draft's first token, of
// its first two and so on, and keeps none: each position of a text is visited,
// and the text is that of plain decoding.
class Prober final : public TokenAcceptor {
 public:
  explicit Prober(std::shared_ptr<const TokenAcceptor> rule)
      : rule_(std::move(rule)) {}

  std::string_view name() const override { return "prober"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    const Draft& whole = verification.draft;
    Draft draft;
    for (size_t i = 0; i < whole.size(); ++i) {
      draft.tokens.push_back(whole.tokens[i]);
      if (!whole.probs.empty()) draft.probs.push_back(whole.probs[i]);
      const Verdict verdict =
          rule_->accept({draft, verification.target.first(i + 2),
                         verification.random, verification.position});
      fmt::print("{:x}", verdict.accepted);
    }
    const double chance =
        verification.random.uniform(verification.position, RandomRole::kTarget);
    return {{verification.target.front().sample(chance)}, 0};
  }

 private:
  std::shared_ptr<const TokenAcceptor> rule_;
};

// Windows of each length in turn, and their times.
class Frames final : public Recorder {
 public:
  explicit Frames(std::int64_t frames) : left_(frames) { shuffle(); }

  bool done() const { return left_ == 0; }

  void observe(const IterationOutcome& iteration) override {
    if (iteration.encodes || done()) return;
    // The texts' ends cut windows short.
    if (iteration.windows.front().drafted != length()) return;
    times_[at_] = {1e6 * iteration.target_seconds,
                   1e6 * iteration.draft_seconds};
    if (++next_ < order_.size()) {
      at_ = order_[next_];
      return;
    }
    for (const auto& [target, draft] : times_) {
      fmt::print("{:.0f} {:.0f} ", target, draft);
    }
    fmt::print("\n");
    --left_;
    shuffle();
  }

 private:
  static constexpr std::array<std::int64_t, 11> kWindows = {1, 2, 3,  4,  5, 6,
                                                            7, 8, 10, 12, 16};

  void shuffle() {
    if (order_.empty()) {
      for (size_t i = 0; i < kWindows.size(); ++i) order_.push_back(i);
    }
    std::ranges::shuffle(order_, random_);
    next_ = 0;
    at_ = order_.front();
  }
  std::int64_t length() const override { return kWindows[at_] - 1; }

  std::int64_t left_;
  std::mt19937 random_{1};
  std::vector<size_t> order_;
  size_t next_ = 0;
  size_t at_ = 0;
  std::array<std::pair<double, double>, kWindows.size()> times_;
};

struct Options {
  const char* target;
  const char* draft;
  const char* prompts;
  double temperature;
  std::int64_t texts;
  std::int64_t frames;
};

void record(const Options& options) {
  LoadOptions load;
  load.threads = make_threads();
  ModelScorer target(Model::load(options.target, load), {0, 1});
  ModelScorer draft(Model::load(options.draft, load), {0, 1});
  const auto tokenizer = Tokenizer::load(options.target);
  std::vector<std::vector<Token>> prompts;
  std::ifstream file(options.prompts);
  for (std::string line; std::getline(file, line);) {
    prompts.push_back(tokenizer->encode(line));
  }
  if (prompts.empty()) {
    throw Error(fmt::format("{}: no prompts could be read", options.prompts));
  }
  const auto request = [&](std::uint64_t i) {
    SequenceOptions sequence;
    sequence.prompt = prompts[i % prompts.size()];
    sequence.max_tokens = kTokens + kLongest;
    sequence.sampling.temperature = options.temperature;
    sequence.sampling.seed = i;
    sequence.window = kAutoWindow;
    return sequence;
  };
  const auto block = make_acceptor("block");
  {
    ModelDrafter drafter(draft, target.vocab_size());
    SpeculativeDecoder decoder(target, drafter, std::make_shared<Prober>(block),
                               {.policy = std::make_shared<LongDrafts>()});
    decode_all(decoder, static_cast<std::uint64_t>(options.texts), 1, request,
               [](const Sequence&) { fmt::print("text\n"); });
  }
  const auto frames = std::make_shared<Frames>(options.frames);
  ModelDrafter drafter(draft, target.vocab_size());
  SpeculativeDecoder decoder(target, drafter, block, {.policy = frames});
  for (std::uint64_t i = 0; !frames->done(); ++i) {
    decode_all(
        decoder, 1, 1, [&](std::uint64_t) { return request(i); },
        [](const Sequence&) {});
  }
}

}  // namespace
}  // namespace pilotfish

int main(int count, char** arguments) {
  if (count != 7) {
    std::fputs(
        "usage: record_passes TARGET DRAFT PROMPTS TEMPERATURE TEXTS FRAMES\n",
        stderr);
    return 2;
  }
  try {
    pilotfish::record({arguments[1], arguments[2], arguments[3],
                       std::stod(arguments[4]), std::stol(arguments[5]),
                       std::stol(arguments[6])});
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
