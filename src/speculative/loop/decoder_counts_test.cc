// The decoding loop, over toy models: what it says of its iterations, and what
// it tells the window policy.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/testing/decoder_bench.h"

namespace pilotfish {
namespace {

using test::Bench;
using test::copy;
using test::LogitTable;
using test::plain_text;
using test::small_toy;
using test::TableScorer;
using test::Tokens;
using test::Toy;

// Drafts what the target will say, with a wrong sibling before each token; with
// `misses`, the last place has the wrong one alone.
class BushyDrafter final : public Drafter {
 public:
  BushyDrafter(const LogitTable& table, bool misses)
      : table_(table), misses_(misses) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests)
      drafts.push_back(draw(request));
    return drafts;
  }

 private:
  Draft draw(const DraftRequest& request) const {
    Draft draft;
    Tokens text = copy(request.sequence->tokens());
    std::int32_t parent = -1;
    const auto add = [&](Token token) {
      draft.tokens.push_back(token);
      draft.parents.push_back(parent);
    };
    const std::int64_t places = std::min(request.length, request.tree_size / 2);
    for (std::int64_t place = 0; place < places; ++place) {
      const std::span<const float> row = table_.row(text);
      const auto right =
          static_cast<Token>(std::ranges::max_element(row) - row.begin());
      add((right + 1) % 16);
      if (misses_ && place + 1 == places) break;
      add(right);
      parent = static_cast<std::int32_t>(draft.size()) - 1;
      text.push_back(right);
    }
    return draft;
  }

  const LogitTable& table_;
  bool misses_;
};

void run_alone(SpeculativeDecoder& decoder, Sequence& sequence) {
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  decoder.retire(sequence);
}

TEST(DecoderCounts, APathOfATreeThatIsKeptWholeEndsInABonus) {
  Toy toy = small_toy();
  toy.window = 8;
  for (const char* acceptor : {"rejection", "block", "coupled"}) {
    for (const bool misses : {false, true}) {
      TableScorer target(toy.target);
      BushyDrafter drafter(toy.target, misses);
      SpeculativeDecoder decoder(target, drafter, make_acceptor(acceptor));
      Sequence sequence(toy.sequence(0));
      run_alone(decoder, sequence);
      EXPECT_EQ(copy(sequence.generated()), plain_text(toy, 0));
      std::vector<Origin> expected;
      int branched = 0;
      for (const IterationStats& iteration : sequence.iterations()) {
        EXPECT_EQ(iteration.drafted,
                  2 * iteration.places() - misses * (iteration.drafted > 0));
        EXPECT_EQ(iteration.accepted,
                  iteration.places() - misses * (iteration.drafted > 0));
        branched += iteration.places() > 1;
        expected.insert(expected.end(), static_cast<size_t>(iteration.accepted),
                        Origin::kAccepted);
        expected.push_back(misses && iteration.drafted > 0 ? Origin::kRecovered
                                                           : Origin::kBonus);
      }
      EXPECT_EQ(
          std::vector(sequence.origins().begin(), sequence.origins().end()),
          expected)
          << acceptor;
      EXPECT_GT(branched, 2);
    }
  }
}

TEST(DecoderCounts, AProposalHasTheTargetsProbabilityAtItsPlace) {
  Toy toy = small_toy();
  toy.window = 8;
  TableScorer target(toy.target);
  BushyDrafter drafter(toy.target, false);
  SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"));
  SequenceOptions options = toy.sequence(0);
  options.keep_proposals = true;
  Sequence sequence(options);
  run_alone(decoder, sequence);
  for (const IterationStats& iteration : sequence.iterations()) {
    ASSERT_EQ(std::ssize(iteration.proposals), iteration.drafted);
    for (size_t i = 0; i < iteration.proposals.size(); ++i) {
      EXPECT_EQ(iteration.proposals[i].target_probability, i % 2);
    }
  }
}

// Two ends at one place: the text's own comes before those from outside.
TEST(DecoderCounts, AStopTokenCountsBeforeWhatElseEndsTheTextThere) {
  Toy toy = small_toy(0);
  const Tokens text = plain_text(toy, 0);
  int ends = 0;
  for (std::int64_t end = 1; end < 8; ++end) {
    const Token stop = text[static_cast<size_t>(end)];
    if (std::find(text.begin(), text.begin() + end, stop) !=
        text.begin() + end) {
      continue;
    }
    ++ends;
    for (toy.window = 1; toy.window <= 5; ++toy.window) {
      const auto reason = [&](std::int64_t max_tokens, std::int64_t positions,
                              Tokens stop_tokens) {
        toy.max_tokens = max_tokens;
        toy.stop_tokens = std::move(stop_tokens);
        Bench bench(toy, {}, positions);
        Sequence sequence(toy.sequence(0));
        bench.run({&sequence});
        EXPECT_EQ(sequence.generated_size(), end + 1);
        return sequence.finish_reason();
      };
      const std::int64_t full = std::ssize(toy.prompt) + end + 1;
      EXPECT_EQ(reason(end + 1, 64, {stop}), FinishReason::kStopToken);
      EXPECT_EQ(reason(64, full, {stop}), FinishReason::kStopToken);
      EXPECT_EQ(reason(end + 1, full, {}), FinishReason::kMaxTokens);
    }
  }
  EXPECT_GT(ends, 2);
}

// Drafts six rows each time, and keeps what it is told.
class SpyWindow final : public WindowPolicy, private DraftGuide {
 public:
  struct Told {
    std::vector<WindowOutcome> windows;
    bool encodes;
  };

  DraftGuide& plan(const Sequence&, std::int64_t) override { return *this; }
  void observe(const IterationOutcome& iteration) override {
    told.push_back({{iteration.windows.begin(), iteration.windows.end()},
                    iteration.encodes});
  }

  std::vector<Told> told;

 private:
  std::int64_t most() override { return 6; }
  std::int64_t ask(std::size_t) override { return most(); }
  void drafted(double) override {}
  bool another_pays() override { return true; }
  bool worth(std::int64_t, double) override { return true; }
};

TEST(DecoderCounts, ThePolicyIsToldOfPlacesAndNotOfATreesRows) {
  Toy toy = small_toy();
  toy.window = kAutoWindow;
  TableScorer target(toy.target);
  BushyDrafter drafter(toy.target, false);
  const auto spy = std::make_shared<SpyWindow>();
  SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"),
                             {.policy = spy});
  Sequence sequence(toy.sequence(0));
  run_alone(decoder, sequence);
  int whole = 0;
  for (const SpyWindow::Told& told : spy->told) {
    ASSERT_EQ(told.windows.size(), 1u);
    const WindowOutcome& window = told.windows.front();
    EXPECT_EQ(window.drafted, 2 * window.places);
    EXPECT_EQ(window.accepted, window.places);
    whole += window.places == 3;
  }
  EXPECT_GT(whole, 3);
}

// Counts the prompt chunks that it is shown.
class ShownPrompts final : public Drafter {
 public:
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    for (const DraftRequest& request : requests) chunks += request.length == 0;
    return std::vector<Draft>(requests.size());
  }

  int chunks = 0;
};

class NeedsNoPrompts final : public WindowPolicy {
 public:
  DraftGuide& plan(const Sequence& sequence, std::int64_t batch) override {
    return spy_.plan(sequence, batch);
  }
  bool follows_prompt(const Sequence&, std::int64_t batch) override {
    EXPECT_EQ(batch, 1);
    return false;
  }
  void observe(const IterationOutcome&) override {}

 private:
  SpyWindow spy_;
};

TEST(DecoderCounts, PromptsThatAPolicyDoesNotNeedAreNotShownToDrafters) {
  Toy toy = small_toy();
  toy.prompt.assign(20, 3);
  const auto shown = [&](std::int64_t window,
                         std::shared_ptr<WindowPolicy> policy) {
    toy.window = window;
    TableScorer target(toy.target);
    ShownPrompts drafter;
    SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"),
                               {.prefill_chunk = 6, .policy = policy});
    Sequence sequence(toy.sequence(0));
    run_alone(decoder, sequence);
    return drafter.chunks;
  };
  EXPECT_EQ(shown(kAutoWindow, std::make_shared<NeedsNoPrompts>()), 0);
  EXPECT_EQ(shown(kAutoWindow, std::make_shared<SpyWindow>()), 4);
  EXPECT_EQ(shown(4, std::make_shared<NeedsNoPrompts>()), 4);
}

TEST(DecoderCounts, ThePolicyIsToldWhichPassesEncodePrompts) {
  Toy toy = small_toy();
  toy.window = kAutoWindow;
  const auto spy = std::make_shared<SpyWindow>();
  Bench bench(toy, {.prefill_chunk = 6, .policy = spy});
  Sequence first(toy.sequence(0));
  toy.prompt.assign(20, 3);  // chunks of 6, 6, 6 and 2
  Sequence second(toy.sequence(1));
  bench.decoder.admit(first);
  bench.decoder.admit(second);
  std::vector<bool> expected;
  std::vector<Sequence*> active = {&first};
  for (int i = 0; !first.finished(); ++i) {
    if (i == 3) active.push_back(&second);
    if (second.finished()) active = {&first};
    expected.push_back(i == 0 || (i >= 3 && second.generated_size() == 0));
    bench.decoder.step(active);
  }
  std::vector<bool> found;
  for (const SpyWindow::Told& told : spy->told) found.push_back(told.encodes);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(std::ranges::count(expected, true), 1 + 4);
}

// However many prompts come at once.
TEST(DecoderCounts, AllPromptsShareTheChunkOfAPass) {
  Toy toy = small_toy();
  toy.window = 1;
  toy.prompt.assign(10, 3);
  const Tokens expected = plain_text(toy, 0);
  Bench bench(toy, {.prefill_chunk = 6});
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> all;
  for (int i = 0; i < 5; ++i) {
    sequences.push_back(std::make_unique<Sequence>(toy.sequence(0)));
    all.push_back(sequences.back().get());
  }
  bench.run(all);
  for (const Sequence* sequence : all) {
    EXPECT_EQ(copy(sequence->generated()), expected);
  }
  // And a row for each of those that decode already.
  EXPECT_LE(bench.target.most_rows, 6 + 4);
}

// So drafters and policies hold no more states than there are sequences.
TEST(DecoderCounts, ASlotIsGivenOutAgain) {
  Bench bench(small_toy());
  Sequence first(small_toy().sequence(0));
  Sequence second(small_toy().sequence(1));
  bench.decoder.admit(first);
  bench.decoder.admit(second);
  const SequenceKey key = first.key;
  EXPECT_NE(second.key.slot, key.slot);
  bench.decoder.retire(first);
  Sequence third(small_toy().sequence(2));
  bench.decoder.admit(third);
  EXPECT_EQ(third.key.slot, key.slot);
  EXPECT_NE(third.key.generation, key.generation);
}

TEST(SequenceRecord, TheFirstIterationHasTheTimesOfAllPassesBeforeIt) {
  Sequence sequence(small_toy().sequence(0));
  IterationStats pass;
  pass.draft_seconds = 1;
  pass.verify_seconds = 2;
  pass.total_seconds = 4;
  sequence.record(pass);
  sequence.record(pass);
  EXPECT_TRUE(sequence.iterations().empty());
  pass.emitted = 1;
  sequence.record(pass);
  sequence.record(pass);
  ASSERT_EQ(sequence.iterations().size(), 2u);
  EXPECT_EQ(sequence.iterations()[0].draft_seconds, 3);
  EXPECT_EQ(sequence.iterations()[0].verify_seconds, 6);
  EXPECT_EQ(sequence.iterations()[0].total_seconds, 12);
  EXPECT_EQ(sequence.iterations()[1].verify_seconds, 2);
}

}  // namespace
}  // namespace pilotfish
