// Drafters that look things up: what they guess, and that guesses change no
// text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/toy.h"

namespace pilotfish {
namespace {

using test::KeyedSequence;
using test::LogitTable;
using test::TableScorer;
using test::Toy;
using testing::ElementsAre;
using testing::IsEmpty;

using Tokens = std::vector<Token>;

// A sequence with this prompt and output.
std::unique_ptr<KeyedSequence> sequence_of(const Tokens& prompt,
                                           const Tokens& output = {},
                                           const Tokens& prediction = {},
                                           const Tokens& stop_tokens = {}) {
  SequenceOptions options;
  options.prompt = prompt;
  options.prediction = prediction;
  options.stop_tokens = stop_tokens;
  auto sequence = std::make_unique<KeyedSequence>(options);
  for (const Token token : output)
    sequence->append({{token}, 0}, Origin::kBonus, 1000);
  return sequence;
}

Tokens guess(Drafter& drafter, Sequence& sequence, std::int64_t length) {
  const DraftRequest request{&sequence, length};
  const std::vector<Draft> drafts = drafter.propose({&request, 1});
  EXPECT_EQ(drafts.size(), 1u);
  EXPECT_TRUE(drafts[0].probs.empty());
  return drafts[0].tokens;
}

// The same for a sequence that ends with it. All have the same slot.
Tokens guess_once(Drafter& drafter, std::unique_ptr<KeyedSequence> sequence,
                  std::int64_t length) {
  return guess(drafter, *sequence, length);
}

TEST(NgramDrafter, CopiesWhatFollowedTheLongestMatch) {
  NgramDrafter drafter;
  const auto guess_after = [&](const Tokens& text, std::int64_t length) {
    return guess_once(drafter, sequence_of(text), length);
  };
  EXPECT_THAT(guess_after({1, 2, 3, 4, 5, 1, 2, 3}, 2), ElementsAre(4, 5));
  // Three tokens that match go before two that match later.
  EXPECT_THAT(guess_after({1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3}, 1),
              ElementsAre(4));
  // The latest of equals.
  EXPECT_THAT(guess_after({1, 2, 7, 1, 2, 8, 1, 2}, 1), ElementsAre(8));
  // A single token is no reason to guess.
  EXPECT_THAT(guess_after({1, 2, 3, 1}, 3), IsEmpty());
  EXPECT_THAT(guess_after({1}, 3), IsEmpty());
  EXPECT_THAT(guess_after({1, 2, 1, 2}, 0), IsEmpty());
}

TEST(NgramDrafter, GoesOnWithAPeriod) {
  NgramDrafter drafter;
  EXPECT_THAT(guess_once(drafter, sequence_of({1, 2, 3, 1, 2}), 7),
              ElementsAre(3, 1, 2, 3, 1, 2, 3));
  EXPECT_THAT(guess_once(drafter, sequence_of({4, 4, 4}), 3),
              ElementsAre(4, 4, 4));
}

TEST(NgramDrafter, EndsWithAStopToken) {
  NgramDrafter drafter;
  EXPECT_THAT(
      guess_once(drafter, sequence_of({1, 2, 3, 4, 5, 1, 2}, {}, {}, {4}), 5),
      ElementsAre(3, 4));
}

TEST(SuffixDrafter, FollowsTheTextAsItGrows) {
  SuffixDrafter drafter(nullptr);
  const auto sequence = sequence_of({1, 2, 3, 4, 5, 6});
  EXPECT_THAT(guess(drafter, *sequence, 3), IsEmpty());
  sequence->append({{2}, 0}, Origin::kBonus, 100);
  EXPECT_THAT(guess(drafter, *sequence, 3), IsEmpty());
  sequence->append({{3}, 0}, Origin::kBonus, 100);
  EXPECT_THAT(guess(drafter, *sequence, 3), ElementsAre(4, 5, 6));
  // A period, past the end.
  EXPECT_THAT(guess(drafter, *sequence, 7), ElementsAre(4, 5, 6, 2, 3, 4, 5));
  drafter.release(sequence->key);
  EXPECT_THAT(guess(drafter, *sequence, 1), ElementsAre(4));
}

TEST(SuffixDrafter, GoesOnAsTheCorpusMostlyDoes) {
  const Tokens corpus = {1, 2, 3, 9, 1, 2, 4, 9, 1, 2, 4, 8};
  SuffixDrafter drafter(make_corpus(corpus));
  EXPECT_THAT(guess_once(drafter, sequence_of({6, 1, 2}), 2),
              ElementsAre(4, 8));
  // One token is no match; at the corpus' end nothing follows.
  EXPECT_THAT(guess_once(drafter, sequence_of({6, 2}), 2), IsEmpty());
  EXPECT_THAT(guess_once(drafter, sequence_of({2, 4, 8}), 2), IsEmpty());
  EXPECT_THAT(guess_once(drafter, sequence_of({1, 2}, {}, {}, {4}), 5),
              ElementsAre(4));
}

TEST(SuffixDrafter, PrefersTheLongerMatch) {
  SuffixDrafter drafter(make_corpus(Tokens{5, 1, 2, 7}));
  // Three tokens of the corpus against two of the text.
  EXPECT_THAT(guess_once(drafter, sequence_of({1, 2, 3, 5, 1, 2}), 1),
              ElementsAre(7));
  // As long in both: the text.
  EXPECT_THAT(guess_once(drafter, sequence_of({1, 2, 3, 6, 1, 2}), 1),
              ElementsAre(3));
}

TEST(PredictionDrafter, FollowsThePrediction) {
  PredictionDrafter drafter;
  const auto sequence = sequence_of({9}, {}, {1, 2, 3, 4});
  EXPECT_THAT(guess(drafter, *sequence, 3), ElementsAre(1, 2, 3));
  sequence->append({{1}, 0}, Origin::kBonus, 100);
  EXPECT_THAT(guess(drafter, *sequence, 9), ElementsAre(2, 3, 4));
  sequence->append({{2, 3, 4}, 2}, Origin::kBonus, 100);
  EXPECT_THAT(guess(drafter, *sequence, 3), IsEmpty());
  EXPECT_THAT(guess_once(drafter, sequence_of({9}, {1, 2}), 3), IsEmpty());
}

TEST(PredictionDrafter, FindsItsWayBackAfterAnEdit) {
  Tokens prediction;
  for (Token i = 0; i < 30; ++i) prediction.push_back(i);
  const auto after = [&](const Tokens& output, std::int64_t length = 2) {
    PredictionDrafter drafter;
    return guess_once(drafter, sequence_of({99}, output, prediction), length);
  };
  EXPECT_THAT(after({0, 1, 70}), IsEmpty());
  EXPECT_THAT(after({0, 1, 70, 3}), IsEmpty());             // one token is none
  EXPECT_THAT(after({0, 1, 70, 3, 4}), ElementsAre(5, 6));  // replaced
  EXPECT_THAT(after({0, 1, 70, 71, 72, 2, 3}), ElementsAre(4, 5));  // inserted
  EXPECT_THAT(after({0, 1, 20, 21}), ElementsAre(22, 23));          // left out
}

TEST(PredictionDrafter, OfEqualPlacesTheNearestCounts) {
  // "5 6" comes twice; after a change of one token the second is meant.
  const Tokens prediction = {5, 6, 1, 2, 3, 4, 5, 6, 7, 8};
  PredictionDrafter drafter;
  EXPECT_THAT(
      guess_once(drafter,
                 sequence_of({9}, {5, 6, 1, 2, 3, 90, 5, 6}, prediction), 1),
      ElementsAre(7));
}

TEST(PredictionDrafter, IsFollowedStepByStepAsAtOnce) {
  const Tokens prediction = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3};
  const Tokens output = {1, 2, 30, 4, 5, 6, 60, 61, 7, 8, 9, 1};
  PredictionDrafter steps;
  const auto grown = sequence_of({0}, {}, prediction);
  for (size_t i = 0; i < output.size(); ++i) {
    grown->append({{output[i]}, 0}, Origin::kBonus, 100);
    PredictionDrafter fresh;
    const Tokens so_far(output.begin(),
                        output.begin() + static_cast<long>(i) + 1);
    EXPECT_EQ(guess(steps, *grown, 2),
              guess_once(fresh, sequence_of({0}, so_far, prediction), 2))
        << "after " << i + 1;
  }
}

// Says always the same, and counts how often it is asked.
class Fixed final : public Drafter {
 public:
  explicit Fixed(Tokens tokens) : tokens_(std::move(tokens)) {}
  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    asked += std::ssize(requests);
    std::vector<Draft> drafts;
    for (const DraftRequest& request : requests) {
      drafts.push_back({request.length > 0 ? tokens_ : Tokens(), {}});
    }
    return drafts;
  }
  void commit(std::span<const PassRows>, const PassOutput&) override {
    ++commits;
  }
  void release(SequenceKey) override { ++releases; }
  std::int64_t asked = 0;
  int commits = 0;
  int releases = 0;

 private:
  Tokens tokens_;
};

TEST(PreferenceDrafter, TheFirstThatHasAGuessDrafts) {
  auto nothing = std::make_unique<Fixed>(Tokens());
  auto something = std::make_unique<Fixed>(Tokens{1});
  auto last = std::make_unique<Fixed>(Tokens{2});
  Fixed* const parts[] = {nothing.get(), something.get(), last.get()};
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::move(nothing));
  drafters.push_back(std::move(something));
  drafters.push_back(std::move(last));
  PreferenceDrafter drafter(std::move(drafters));
  const auto sequence = sequence_of({5});
  EXPECT_THAT(guess(drafter, *sequence, 3), ElementsAre(1));
  EXPECT_EQ(parts[0]->asked, 1);
  EXPECT_EQ(parts[1]->asked, 1);
  EXPECT_EQ(parts[2]->asked, 0);
  // While a prompt is encoded, each may use the time.
  EXPECT_THAT(guess(drafter, *sequence, 0), IsEmpty());
  EXPECT_EQ(parts[2]->asked, 1);
  test::commit(drafter, *sequence);
  drafter.release(sequence->key);
  for (const Fixed* part : parts) {
    EXPECT_EQ(part->commits, 1);
    EXPECT_EQ(part->releases, 1);
  }
}

TEST(PreferenceDrafter, EachSequenceHasItsOwnDrafter) {
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<NgramDrafter>());
  drafters.push_back(std::make_unique<Fixed>(Tokens{7}));
  PreferenceDrafter drafter(std::move(drafters));
  const auto repeats = sequence_of({1, 2, 3, 1, 2});
  const auto plain = sequence_of({1, 2, 3});
  const DraftRequest requests[] = {
      {plain.get(), 1}, {repeats.get(), 1}, {plain.get(), 1}};
  const std::vector<Draft> drafts = drafter.propose(requests);
  ASSERT_EQ(drafts.size(), 3u);
  EXPECT_THAT(drafts[0].tokens, ElementsAre(7));
  EXPECT_THAT(drafts[1].tokens, ElementsAre(3));
  EXPECT_THAT(drafts[2].tokens, ElementsAre(7));
  EXPECT_EQ(drafts[0].drafter, 1u);
  EXPECT_EQ(drafts[1].drafter, 0u);
  EXPECT_EQ(drafts[2].drafter, 1u);
}

// A toy whose text repeats itself, sharply distributed.
Toy repeating_toy(double temperature) {
  const LogitTable target(12, 6, 1, 3.0f);
  Toy toy(target, LogitTable::like(target, 2, 1.0f));
  toy.prompt = {1, 2, 3, 1, 2, 3, 4};
  toy.max_tokens = 50;
  toy.sampling.temperature = temperature;
  return toy;
}

struct DraftOutcome {
  Tokens text;
  std::int64_t accepted = 0;
};

DraftOutcome run(const Toy& toy, std::uint64_t seed, Drafter& drafter,
                 const std::string& acceptor, const Tokens& prediction) {
  TableScorer target(toy.target, 128);
  SpeculativeDecoder decoder(target, drafter, make_acceptor(acceptor));
  SequenceOptions options = toy.sequence(seed);
  options.prediction = prediction;
  Sequence sequence(options);
  decoder.admit(sequence);
  Sequence* one = &sequence;
  while (!sequence.finished()) decoder.step({&one, 1});
  decoder.retire(sequence);
  DraftOutcome result{
      {sequence.generated().begin(), sequence.generated().end()}};
  for (const IterationStats& iteration : sequence.iterations()) {
    result.accepted += iteration.accepted;
  }
  return result;
}

TEST(LookupDrafters, ChangeNoTextOfTemperatureZeroOrCoupled) {
  std::int64_t accepted[5] = {};
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const double temperature : {0.0, 0.7}) {
      Toy toy = repeating_toy(temperature);
      NoDrafter none;
      const Tokens plain = run(toy, seed, none, "coupled", {}).text;
      Tokens edited = plain;
      edited[10] = (edited[10] + 1) % 12;
      edited.erase(edited.begin() + 25);
      const auto corpus =
          make_corpus(run(toy, seed + 1, none, "coupled", {}).text);
      for (toy.window = 2; toy.window <= 8; ++toy.window) {
        TableScorer draft(toy.draft, 128);
        NgramDrafter ngram;
        SuffixDrafter suffix(nullptr);
        SuffixDrafter with_corpus(corpus);
        PredictionDrafter prediction;
        std::vector<std::unique_ptr<Drafter>> both;
        both.push_back(std::make_unique<SuffixDrafter>(nullptr));
        both.push_back(std::make_unique<ModelDrafter>(draft, 12));
        PreferenceDrafter preference(std::move(both));
        Drafter* const drafters[] = {&ngram, &suffix, &with_corpus, &prediction,
                                     &preference};
        for (size_t i = 0; i < std::size(drafters); ++i) {
          const DraftOutcome found =
              run(toy, seed, *drafters[i], "coupled", edited);
          EXPECT_EQ(found.text, plain) << "drafter " << i;
          accepted[i] += found.accepted;
        }
      }
    }
  }
  for (const std::int64_t count : accepted) EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace pilotfish
