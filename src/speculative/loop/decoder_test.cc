// The decoding loop, over toy models: the texts it makes.

#include "speculative/loop/decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/window.h"
#include "speculative/forwarding_scorer.h"
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

TEST(Decoder, WindowOfOneIsPlainDecoding) {
  Toy toy = small_toy();
  toy.window = 1;
  for (const double temperature : {0.0, 1.0}) {
    toy.sampling.temperature = temperature;
    Bench bench(toy);
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      EXPECT_EQ(bench.generate(toy.sequence(seed)), plain_text(toy, seed));
    }
    EXPECT_EQ(bench.draft.passes, 0)
        << "plain decoding must not pay for drafts";
  }
}

TEST(Decoder, GreedyTextIsThePlainOneWhateverTheWindowDraftAndPenalties) {
  for (const float noise : {0.0f, 0.5f, 5.0f}) {
    Toy toy = small_toy(noise);
    for (const bool penalties : {false, true}) {
      if (penalties) {
        toy.sampling.repetition_penalty = 1.4;
        toy.sampling.frequency_penalty = 0.3;
        toy.sampling.presence_penalty = 0.2;
        toy.sampling.penalty_window = 6;
        toy.stop_tokens = {4};
        toy.sampling.min_tokens = 8;
      }
      const Tokens expected = plain_text(toy, 0);
      for (toy.window = 1; toy.window <= 9; ++toy.window) {
        Bench bench(toy);
        EXPECT_EQ(bench.generate(toy.sequence(0)), expected)
            << "window " << toy.window << ", noise " << noise;
      }
    }
  }
}

TEST(Decoder, SequencesTogetherAreAsAlone) {
  Toy toy = small_toy();
  toy.sampling.temperature = 0.9;
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> pointers;
  std::vector<Tokens> alone;
  for (std::uint64_t seed = 0; seed < 9; ++seed) {
    toy.window = 1 + static_cast<std::int64_t>(seed) % 6;
    toy.max_tokens = 5 + 4 * static_cast<std::int64_t>(seed);
    toy.prompt.assign(1 + 3 * seed, static_cast<Token>(seed));
    alone.push_back(Bench(toy).generate(toy.sequence(seed)));
    sequences.push_back(std::make_unique<Sequence>(toy.sequence(seed)));
    pointers.push_back(sequences.back().get());
  }
  Bench together(toy, {.window = 3, .prefill_chunk = 7});
  together.run(pointers);
  for (size_t i = 0; i < sequences.size(); ++i) {
    EXPECT_EQ(copy(sequences[i]->generated()), alone[i]) << "sequence " << i;
  }
  EXPECT_EQ(together.target.in_use(), 0u);
  EXPECT_EQ(together.draft.in_use(), 0u);
}

TEST(Decoder, PrefillChunksBoundThePassAndChangeNothing) {
  Toy toy = small_toy();
  toy.sampling.temperature = 0.9;
  toy.prompt.assign(23, 3);
  const Tokens expected = Bench(toy).generate(toy.sequence(5));
  for (const std::int64_t chunk : {1, 2, 5, 22, 23, 24}) {
    Bench bench(toy, {.window = 4, .prefill_chunk = chunk});
    EXPECT_EQ(bench.generate(toy.sequence(5)), expected) << "chunk " << chunk;
    EXPECT_LE(bench.target.most_rows, std::max<std::int64_t>(chunk, 4));
    EXPECT_LE(bench.draft.most_rows, std::max<std::int64_t>(chunk, 2));
  }
}

// Its text is encoded anew in chunks, and nothing is drafted before its end.
TEST(Decoder, ASequenceThatIsAdmittedAgainGoesOn) {
  for (const std::int64_t window : {std::int64_t{4}, kAutoWindow}) {
    Toy toy = small_toy();
    toy.window = window;
    const Tokens expected = plain_text(toy, 0);
    for (std::int64_t before = 1; before < 8; ++before) {
      Bench bench(toy, {.prefill_chunk = 3});
      Sequence sequence(toy.sequence(0));
      Sequence* one = &sequence;
      bench.decoder.admit(sequence);
      for (std::int64_t i = 0; i < before && !sequence.finished(); ++i) {
        bench.decoder.step({&one, 1});
      }
      bench.decoder.retire(sequence);
      bench.run({&sequence});
      EXPECT_EQ(copy(sequence.generated()), expected) << before << " steps";
      for (const IterationStats& iteration : sequence.iterations()) {
        if (iteration.emitted == 0) {
          EXPECT_EQ(iteration.drafted, 0);
        }
      }
    }
  }
}

TEST(Decoder, ADraftEqualToTheTargetIsAlwaysAccepted) {
  // Also a test of the draft's cache: with a token missing after a full
  // acceptance, q would be another distribution and some draft be refused.
  Toy toy = small_toy(0);
  toy.sampling.temperature = 1;
  toy.sampling.frequency_penalty = 0.2;
  toy.max_tokens = 41;
  toy.window = 5;
  Bench bench(toy);
  Sequence sequence(toy.sequence(3));
  bench.run({&sequence});
  // The prompt's token, then eight whole windows.
  ASSERT_EQ(sequence.iterations().size(), 9u);
  EXPECT_EQ(sequence.iterations()[0].emitted, 1);
  for (size_t i = 1; i < 9; ++i) {
    EXPECT_EQ(sequence.iterations()[i].drafted, 4);
    EXPECT_EQ(sequence.iterations()[i].accepted, 4);
    EXPECT_EQ(sequence.iterations()[i].emitted, 5);
  }
  for (size_t i = 0; i < 41; ++i) {
    EXPECT_EQ(sequence.origins()[i],
              i % 5 == 0 ? Origin::kBonus : Origin::kAccepted);
  }
}

// A draft whose cache misses the token before the newest, as after a full
// acceptance that was not caught up with.
class Forgetful final : public ForwardingScorer {
 public:
  using ForwardingScorer::ForwardingScorer;

  ForwardOutput forward(const Batch& batch) override {
    Batch wrong;
    for (const Batch::Entry& entry : batch.entries()) {
      Tokens tokens =
          copy(batch.tokens().subspan(static_cast<size_t>(entry.first_row),
                                      static_cast<size_t>(entry.rows)));
      if (tokens.size() == 2 && entry.logits_rows == 1) tokens[0] = 0;
      wrong.add(entry.sequence, tokens, entry.logits_rows);
    }
    return inner_->forward(wrong);
  }
};

TEST(DecoderControl, AMissingDraftCacheEntryIsCaught) {
  Toy toy = small_toy(0);
  toy.sampling.temperature = 1;
  toy.max_tokens = 41;
  toy.window = 5;
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  Forgetful forgetful(draft);
  ModelDrafter drafter(forgetful, target.vocab_size());
  SpeculativeDecoder decoder(target, drafter, make_acceptor("rejection"));
  Sequence sequence(toy.sequence(3));
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  EXPECT_GT(sequence.iterations().size(), 9u);
}

TEST(DecoderControl, GreedyEqualityInPartIsCaught) {
  Toy toy = small_toy(1);
  const Tokens expected = plain_text(toy, 0);
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  SpeculativeDecoder decoder(target, drafter, make_synthetic_acceptor(0.6));
  Sequence sequence(toy.sequence(0));
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  EXPECT_NE(copy(sequence.generated()), expected);
}

TEST(Decoder, NoneAcceptedStillYieldsOneTokenEach) {
  Toy toy = small_toy(0);
  // Proposes what the target is kept from.
  class Opposite final : public Drafter {
   public:
    std::vector<Draft> propose(
        std::span<const DraftRequest> requests) override {
      std::vector<Draft> drafts;
      for (const DraftRequest& request : requests) {
        drafts.push_back({Tokens(static_cast<size_t>(request.length), 15), {}});
      }
      return drafts;
    }
  };
  toy.sampling.logit_bias = {{15, -1000.f}};
  TableScorer scorer(toy.target);
  Opposite drafter;
  SpeculativeDecoder decoder(scorer, drafter, make_acceptor("rejection"));
  Sequence sequence(toy.sequence(0));
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  EXPECT_EQ(copy(sequence.generated()), plain_text(toy, 0));
  EXPECT_EQ(sequence.iterations().size(), 20u);
  EXPECT_EQ(sequence.iterations()[5].drafted, 3);
  EXPECT_EQ(sequence.iterations()[5].accepted, 0);
  EXPECT_EQ(sequence.origins()[5], Origin::kRecovered);
  // With one token left nothing is drafted, so the last is a bonus.
  EXPECT_EQ(sequence.iterations()[19].drafted, 0);
  EXPECT_EQ(sequence.origins()[19], Origin::kBonus);
}

TEST(Decoder, NothingFollowsAStopTokenInsideAWindow) {
  Toy toy = small_toy(0);
  const Tokens unstopped = plain_text(toy, 0);
  // A token that first comes after a while, for every place in a window.
  for (size_t end = 1; end < 8; ++end) {
    if (std::find(unstopped.begin(), unstopped.begin() + end, unstopped[end]) !=
        unstopped.begin() + end) {
      continue;
    }
    toy.stop_tokens = {unstopped[end]};
    for (toy.window = 1; toy.window <= 9; ++toy.window) {
      Bench bench(toy);
      Sequence sequence(toy.sequence(0));
      bench.run({&sequence});
      EXPECT_EQ(copy(sequence.generated()),
                Tokens(unstopped.begin(), unstopped.begin() + end + 1));
      EXPECT_EQ(sequence.finish_reason(), FinishReason::kStopToken);
      EXPECT_EQ(sequence.origins().size(), end + 1);
      EXPECT_LE(sequence.iterations().back().accepted,
                sequence.iterations().back().emitted);
    }
  }
}

TEST(Decoder, MaxTokensIsExact) {
  Toy toy = small_toy(0);
  for (toy.max_tokens = 1; toy.max_tokens <= 12; ++toy.max_tokens) {
    for (toy.window = 1; toy.window <= 8; ++toy.window) {
      Bench bench(toy);
      Sequence sequence(toy.sequence(0));
      bench.run({&sequence});
      EXPECT_EQ(copy(sequence.generated()), plain_text(toy, 0));
      EXPECT_EQ(sequence.finish_reason(), FinishReason::kMaxTokens);
      EXPECT_EQ(sequence.tokens_left(), 0);
    }
  }
}

TEST(Decoder, AFullCacheEndsTheSequence) {
  Toy toy = small_toy(0);
  const Tokens expected = plain_text(toy, 0);
  for (std::int64_t n_positions = 3; n_positions <= 14; ++n_positions) {
    for (toy.window = 1; toy.window <= 8; ++toy.window) {
      Bench bench(toy, {}, n_positions);
      Sequence sequence(toy.sequence(0));
      bench.run({&sequence});
      EXPECT_EQ(sequence.size(), n_positions);
      EXPECT_EQ(sequence.finish_reason(), FinishReason::kNPositions);
      EXPECT_EQ(copy(sequence.generated()),
                Tokens(expected.begin(), expected.begin() + n_positions - 2));
      for (const IterationStats& iteration : sequence.iterations()) {
        EXPECT_EQ(iteration.emitted, iteration.drafted + 1);
      }
    }
  }
}

TEST(Decoder, ADraftWithFewerPositionsDraftsWhatItCan) {
  Toy toy = small_toy(0);
  toy.window = 6;
  const Tokens expected = plain_text(toy, 0);
  for (std::int64_t draft_positions = 1; draft_positions <= 12;
       ++draft_positions) {
    Bench bench(toy, {}, 64, draft_positions);
    Sequence sequence(toy.sequence(0));
    bench.run({&sequence});
    EXPECT_EQ(copy(sequence.generated()), expected);
    // A prompt of 2, a token from it, and so 3 tokens when drafting begins. The
    // last one drafted takes no place in the draft's cache.
    const std::int64_t drafted = sequence.iterations()[1].drafted;
    EXPECT_EQ(drafted, std::clamp<std::int64_t>(draft_positions - 2, 0, 5));
    EXPECT_EQ(sequence.iterations().back().drafted, 0);
  }
}

TEST(Decoder, ASmallerDraftVocabularyLosesSightOfOtherTokens) {
  const LogitTable target(16, 8, 1);
  Toy toy(target, LogitTable(12, 8, 3));
  toy.max_tokens = 30;
  for (const double temperature : {0.0, 1.0}) {
    toy.sampling.temperature = temperature;
    toy.prompt = {1, 2};
    Bench bench(toy);
    Sequence sequence(toy.sequence(1));
    bench.run({&sequence});
    bool lost = false;
    std::int64_t at = 0;
    for (const IterationStats& iteration : sequence.iterations()) {
      EXPECT_TRUE(!lost || iteration.drafted == 0);
      for (std::int64_t i = 0; i < iteration.emitted; ++i) {
        lost = lost || sequence.generated()[static_cast<size_t>(at++)] >= 12;
      }
    }
    EXPECT_TRUE(lost) << "the toy should meet such a token";
    if (temperature == 0) {
      EXPECT_EQ(copy(sequence.generated()), plain_text(toy, 1));
    }
    toy.prompt = {1, 13};
    const std::int64_t passes = bench.draft.passes;
    bench.generate(toy.sequence(1));
    EXPECT_EQ(bench.draft.passes, passes);
  }
}

// Looks at what is proposed and how.
class Watcher final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "watcher"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    for (size_t i = 0; i < verification.draft.size(); ++i) {
      EXPECT_LT(verification.draft.tokens[i], 16);
      double mass = 0;
      for (const auto& entry : verification.draft.probs[i].entries()) {
        EXPECT_LT(entry.token, 16);
        mass += entry.probability;
      }
      EXPECT_NEAR(mass, 1, 1e-12);
      ++seen;
    }
    return rejection_->accept(verification);
  }
  mutable int seen = 0;

 private:
  std::shared_ptr<const TokenAcceptor> rejection_ = make_acceptor("rejection");
};

TEST(Decoder, ALargerDraftVocabularyIsMaskedBeforeTheSoftmax) {
  const LogitTable table(16, 8, 1);
  Toy toy(table, LogitTable(40, 8, 3));
  toy.sampling.temperature = 1;
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  const auto watcher = std::make_shared<Watcher>();
  SpeculativeDecoder decoder(target, drafter, watcher);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Sequence sequence(toy.sequence(seed));
    decoder.admit(sequence);
    Sequence* one = &sequence;
    while (!sequence.finished()) decoder.step({&one, 1});
    decoder.retire(sequence);
  }
  EXPECT_GT(watcher->seen, 50);
}

TEST(Decoder, TheDraftEndsWithAStopToken) {
  Toy toy = small_toy(0);
  const Tokens text = plain_text(toy, 0);
  toy.window = 12;
  std::int64_t end = 2;
  while (std::find(text.begin(), text.begin() + end, text[end]) !=
         text.begin() + end) {
    ++end;
  }
  toy.stop_tokens = {text[end]};
  Bench bench(toy);
  Sequence sequence(toy.sequence(0));
  bench.run({&sequence});
  ASSERT_EQ(sequence.iterations().size(), 2u);
  EXPECT_EQ(sequence.iterations()[1].drafted, end);
}

TEST(Decoder, CachesHoldTheSequenceWithoutItsNewestToken) {
  Toy toy = small_toy(0.7f);
  toy.sampling.temperature = 1;
  toy.max_tokens = 30;
  Bench bench(toy);
  Sequence sequence(toy.sequence(4));
  bench.decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) {
    bench.decoder.step({&one, 1});
    const Tokens tokens = copy(sequence.tokens());
    EXPECT_EQ(bench.target.cached(sequence.target_id),
              Tokens(tokens.begin(), tokens.end() - 1));
    const Tokens& drafted = bench.draft.cached(0);
    EXPECT_GE(drafted.size() + 2, tokens.size() > 3 ? tokens.size() : 0);
    EXPECT_EQ(drafted, Tokens(tokens.begin(), tokens.begin() + drafted.size()));
  }
}

TEST(Decoder, AnEndFromOutsideCutsTheText) {
  Toy toy = small_toy();
  Bench bench(toy);
  Sequence sequence(toy.sequence(0));
  bench.decoder.admit(sequence);
  Sequence* one = &sequence;
  while (sequence.generated_size() < 6) bench.decoder.step({&one, 1});
  const Tokens before = copy(sequence.generated());
  sequence.finish(FinishReason::kStopString, 4);
  EXPECT_EQ(sequence.finish_reason(), FinishReason::kStopString);
  EXPECT_EQ(copy(sequence.generated()),
            Tokens(before.begin(), before.begin() + 4));
  EXPECT_EQ(sequence.origins().size(), 4u);
  bench.decoder.retire(sequence);
  EXPECT_EQ(bench.target.in_use() + bench.draft.in_use(), 0u);
}

}  // namespace
}  // namespace pilotfish
