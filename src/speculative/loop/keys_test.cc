// What drafters and policies know sequences by: nothing of a finished sequence
// is taken for a new one's, nor piles up where nobody says that it is finished.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/testing/decoder_bench.h"
#include "speculative/testing/windows.h"

namespace pilotfish {
namespace {

using test::copy;
using test::small_toy;
using test::TableScorer;
using test::Tokens;
using test::Toy;

TEST(SequenceKey, IsNeverGivenOutTwice) {
  const SequenceKey first = new_sequence_key(3);
  const SequenceKey second = new_sequence_key(3);
  EXPECT_EQ(first.slot, 3u);
  EXPECT_NE(first, second);
  EXPECT_NE(first, SequenceKey{.slot = 3});
}

TEST(PerSequence, ASlotsNextSequenceFindsNothing) {
  PerSequence<std::vector<int>> states;
  const SequenceKey first = new_sequence_key(1);
  states.find_or_make(first, 2, 7);
  EXPECT_EQ(states.find_or_make(first, 5, 5), (std::vector<int>{7, 7}));
  const SequenceKey second = new_sequence_key(1);
  EXPECT_EQ(states.find(second), nullptr);
  EXPECT_EQ(states.find(SequenceKey{.slot = 1}), nullptr);
  EXPECT_TRUE(states.find_or_make(second).empty());
  EXPECT_EQ(states.find(first), nullptr);
  states.erase(first);  // of which there is nothing
  EXPECT_NE(states.find(second), nullptr);
  states.erase(second);
  EXPECT_EQ(states.find(second), nullptr);
}

TEST(PerSequence, HoldsNoMoreThanSlotsAndStaysWhereItIs) {
  PerSequence<std::shared_ptr<int>> states;
  const auto shared = std::make_shared<int>(0);
  std::shared_ptr<int>* const early =
      &states.find_or_make(new_sequence_key(0), shared);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    states.find_or_make(new_sequence_key(1 + i % 4), shared);
  }
  EXPECT_EQ(states.slots(), 5u);
  EXPECT_EQ(shared.use_count(), 6);
  EXPECT_EQ(*early, shared);
}

// The state of an earlier sequence goes before the new one's comes, so that
// what it holds can be had again.
TEST(PerSequence, DestroysBeforeItMakes) {
  struct Holder {
    explicit Holder(int& held) : held_(held) { EXPECT_EQ(held_++, 0); }
    ~Holder() { --held_; }
    int& held_;
  };
  int held = 0;
  PerSequence<Holder> states;
  for (int i = 0; i < 3; ++i) states.find_or_make(new_sequence_key(0), held);
  EXPECT_EQ(held, 1);
}

std::unique_ptr<Drafter> all_drafters(Scorer& draft, bool trees) {
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<PredictionDrafter>());
  drafters.push_back(std::make_unique<SuffixDrafter>(nullptr));
  if (trees) {
    drafters.push_back(std::make_unique<TreeDrafter>(draft, 16, 3));
  } else {
    drafters.push_back(std::make_unique<ModelDrafter>(draft, 16));
  }
  return std::make_unique<PreferenceDrafter>(std::move(drafters));
}

struct KeysOutcome {
  Tokens text;
  std::vector<std::int64_t> drafted;
  std::vector<std::int64_t> accepted;

  friend bool operator==(const KeysOutcome&, const KeysOutcome&) = default;
};

SequenceOptions request(const Toy& toy, std::uint64_t seed) {
  SequenceOptions options = toy.sequence(seed);
  options.prompt.resize(2 + seed % 5, static_cast<Token>(seed % 16));
  options.prediction = {3, static_cast<Token>(seed % 16), 5, 7};
  return options;
}

KeysOutcome decode(SpeculativeDecoder& decoder, Sequence& sequence) {
  decoder.admit(sequence);
  Sequence* const one[] = {&sequence};
  while (!sequence.finished()) decoder.step(one);
  KeysOutcome outcome{copy(sequence.generated()), {}, {}};
  for (const IterationStats& it : sequence.iterations()) {
    outcome.drafted.push_back(it.drafted);
    outcome.accepted.push_back(it.accepted);
  }
  return outcome;
}

Toy varied_toy() {
  Toy toy = small_toy(0.7f);
  toy.sampling.temperature = 0.7;
  return toy;
}

// One sequence after another at the same address and in the same slot, as with
// drafters that have seen none before.
TEST(Keys, AddressesMayBeUsedAgain) {
  const Toy toy = varied_toy();
  for (const bool trees : {false, true}) {
    TableScorer target(toy.target);
    TableScorer draft(toy.draft, 64, 1);
    const auto drafter = all_drafters(draft, trees);
    SpeculativeDecoder decoder(target, *drafter, make_acceptor("rejection"));
    std::optional<Sequence> sequence;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      sequence.emplace(request(toy, seed));
      const KeysOutcome found = decode(decoder, *sequence);
      decoder.retire(*sequence);
      EXPECT_EQ(sequence->target_id, -1);

      TableScorer fresh_target(toy.target);
      TableScorer fresh_draft(toy.draft);
      const auto fresh = all_drafters(fresh_draft, trees);
      SpeculativeDecoder alone(fresh_target, *fresh,
                               make_acceptor("rejection"));
      Sequence same(request(toy, seed));
      EXPECT_EQ(found, decode(alone, same)) << "seed " << seed;
    }
  }
}

// Nobody retires: not even the decoder is the same. The draft's cache, which
// has room for two sequences, suffices.
TEST(Keys, WhatIsNeverRetiredIsReplaced) {
  const Toy toy = varied_toy();
  for (const bool trees : {false, true}) {
    TableScorer draft(toy.draft, 64, 2);
    const auto drafter = all_drafters(draft, trees);
    const auto policy = std::make_shared<test::ClocklessWindow>(3);
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      TableScorer target(toy.target);
      SpeculativeDecoder decoder(target, *drafter, make_acceptor("rejection"),
                                 {.policy = policy});
      Sequence first(request(toy, 2 * seed));
      Sequence second(request(toy, 2 * seed + 1));
      const KeysOutcome found[] = {decode(decoder, first),
                                   decode(decoder, second)};
      EXPECT_EQ(first.key.slot, 0u);
      EXPECT_EQ(second.key.slot, 1u);
      EXPECT_LE(draft.in_use(), 2u);

      TableScorer fresh_target(toy.target);
      TableScorer fresh_draft(toy.draft);
      const auto fresh = all_drafters(fresh_draft, trees);
      SpeculativeDecoder alone(fresh_target, *fresh,
                               make_acceptor("rejection"));
      Sequence same(request(toy, 2 * seed));
      EXPECT_EQ(found[0], decode(alone, same)) << "seed " << seed;
    }
  }
}

// Slots are those of the sequences that are admitted together.
TEST(Keys, TheLowestFreeSlotIsUsedAgain) {
  const Toy toy = small_toy();
  TableScorer target(toy.target);
  NoDrafter none;
  SpeculativeDecoder decoder(target, none, make_acceptor("block"));
  Sequence a(toy.sequence(0));
  Sequence b(toy.sequence(1));
  Sequence c(toy.sequence(2));
  decoder.admit(a);
  decoder.admit(b);
  const SequenceKey old = a.key;
  EXPECT_EQ(b.key.slot, 1u);
  decoder.retire(a);
  decoder.retire(a);
  EXPECT_EQ(a.key, SequenceKey());
  decoder.admit(c);
  EXPECT_EQ(c.key.slot, 0u);
  EXPECT_NE(c.key, old);
  decoder.admit(a);
  EXPECT_EQ(a.key.slot, 2u);
}

}  // namespace
}  // namespace pilotfish
