// What the window policy does in one iteration after the other.

#include "speculative/window/adaptive_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "speculative/drafter.h"
#include "speculative/testing/keyed_sequence.h"
#include "speculative/testing/window_simulation.h"

namespace pilotfish {
namespace {

using test::KeyedSequence;
using test::line;
using test::table;

SequenceOptions one_token() {
  SequenceOptions options;
  options.prompt = {0};
  return options;
}

// Returns how many tokens the policy has a sure draft propose.
std::int64_t draft_all(AdaptiveWindow& policy, const Sequence& sequence) {
  DraftGuide& guide = policy.plan(sequence, 1);
  const std::int64_t most = guide.most();
  std::int64_t drafted = 0;
  while (drafted < most &&
         (drafted++, guide.drafted(0.9), guide.another_pays())) {
  }
  return drafted;
}

// An iteration of one sequence whose draft is accepted whole, on a machine with
// these costs. Returns how much was drafted.
std::int64_t iterate(AdaptiveWindow& policy, const Sequence& sequence,
                     const std::function<double(std::int64_t)>& verify) {
  const std::int64_t drafted = draft_all(policy, sequence);
  const WindowOutcome outcome = {sequence.key, drafted, drafted, drafted};
  policy.observe({{&outcome, 1},
                  1e-4 * static_cast<double>(drafted),
                  1e-3 * verify(1 + drafted),
                  false});
  return drafted;
}

std::int64_t longest_of(int iterations, AdaptiveWindow& policy,
                        const Sequence& sequence,
                        const std::function<double(std::int64_t)>& verify) {
  std::int64_t longest = 0;
  for (int i = 0; i < iterations; ++i) {
    longest = std::max(longest, iterate(policy, sequence, verify));
  }
  return longest;
}

// Windows fixed by requests say nothing about drafts.
TEST(AdaptiveWindow, WarmsUpAlsoWhereOthersOnlyDecoded) {
  const KeyedSequence plain(one_token(), 0);
  const KeyedSequence sequence(one_token(), 1);
  AdaptiveWindow policy(1);
  const WindowOutcome outcome = {plain.key, 0, 0, 0};
  for (int i = 0; i < 200; ++i) policy.observe({{&outcome, 1}, 0, 1e-3, false});
  std::vector<std::int64_t> drafted;
  for (int i = 0; i < 6; ++i)
    drafted.push_back(iterate(policy, sequence, line(0.02)));
  EXPECT_EQ(drafted, (std::vector<std::int64_t>{3, 0, 2, 0, 1, 3}));
}

// A machine that was busy while the first windows were tried: they look dear,
// but not for ever.
TEST(AdaptiveWindow, WhatLookedDearIsLookedAtAgain) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  longest_of(6, policy, sequence, line(1));
  EXPECT_GT(longest_of(300, policy, sequence, line(0.02)), 7);
}

// Drafting took twenty times what it takes while the first windows were tried.
TEST(AdaptiveWindow, DraftsHeldUpAtFirstDoNotRestASourceForGood) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  std::int64_t longest = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t drafted = draft_all(policy, sequence);
    const WindowOutcome outcome = {sequence.key, drafted, drafted, drafted};
    const double held_up = i < 10 ? 20 : 1;
    policy.observe({{&outcome, 1},
                    held_up * 1e-4 * static_cast<double>(drafted),
                    1e-3 * line(0.05)(1 + drafted),
                    false});
    longest = std::max(longest, drafted);
  }
  EXPECT_GT(longest, 7);
}

// Beside a busy program nearly all passes are held up, but the second plain one
// is not: longer passes look three times as long. One token of a draft is
// accepted.
TEST(AdaptiveWindow, AFastPlainPassDoesNotStopDrafting) {
  constexpr std::array<double, 6> kHeldUp = {4, 3, 5, 1, 2.6, 2.8};
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  int drafting = 0;
  for (size_t i = 0; i < 60; ++i) {
    const std::int64_t drafted = draft_all(policy, sequence);
    const WindowOutcome outcome = {sequence.key, drafted, drafted,
                                   std::min<std::int64_t>(drafted, 1)};
    const double held_up = i < kHeldUp.size() ? kHeldUp[i] : 3;
    policy.observe({{&outcome, 1},
                    held_up * 1e-4 * static_cast<double>(drafted),
                    held_up * 1e-3 * line(0.05)(1 + drafted),
                    false});
    drafting += drafted > 0 ? 1 : 0;
  }
  EXPECT_GT(drafting, 25);
}

// Also where the best window so far gains so little that every seventh pass is
// a plain one.
TEST(AdaptiveWindow, PlainPassesDoNotStandInForLooks) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  longest_of(6, policy, sequence, table({1, 1.8, 3, 4.2}));
  const auto verify = [](std::int64_t rows) { return rows == 1 ? 1 : 1.8; };
  EXPECT_GT(longest_of(200, policy, sequence, verify), 7);
}

// From three rows on a pass costs much, but no more for longer windows. Only
// long ones are better than one token, and the longest are not allowed yet:
// what they would gain must not keep the others from being used.
TEST(AdaptiveWindow, WindowsThatAreNotAllowedYetSetNoRate) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  const auto verify = [](std::int64_t rows) {
    return rows == 1 ? 1.0 : rows == 2 ? 1.1 : 4.0;
  };
  EXPECT_EQ(longest_of(40, policy, sequence, verify), 15);
}

// How much is drafted in each of some iterations, on a quiet machine.
std::vector<std::int64_t> drafted_in(int iterations, AdaptiveWindow& policy,
                                     const Sequence& sequence) {
  std::vector<std::int64_t> drafted;
  for (int i = 0; i < iterations; ++i) {
    drafted.push_back(iterate(policy, sequence, line(0.05)));
  }
  return drafted;
}

// A pass that encodes prompts beside a sequence with a fixed window.
void encode_prompts(AdaptiveWindow& policy, const Sequence& sequence) {
  const WindowOutcome outcome = {sequence.key, 3, 3, 1};
  policy.observe({{&outcome, 1}, 0.1, 1, true});
}

TEST(AdaptiveWindow, PassesThatEncodePromptsAreNotTimed) {
  const KeyedSequence sequence(one_token(), 0);
  const KeyedSequence other(one_token(), 1);
  AdaptiveWindow undisturbed(1);
  AdaptiveWindow policy(1);
  for (int i = 0; i < 40; ++i) {
    encode_prompts(policy, other);
    EXPECT_EQ(drafted_in(3, policy, sequence),
              drafted_in(3, undisturbed, sequence));
  }
}

// A source that rests is tried as often while others' prompts are encoded. It
// guesses nothing right, and has context to encode whenever it is tried.
TEST(AdaptiveWindow, ATryIsNotChargedWithPromptsEncodedBesideIt) {
  const auto tries = [](bool encodes) {
    const KeyedSequence sequence(one_token());
    AdaptiveWindow policy(1);
    int tried = 0;
    std::int64_t behind = 0;
    for (int i = 0; i < 3000; ++i) {
      const std::int64_t drafted = draft_all(policy, sequence);
      const auto context = static_cast<double>(
          drafted > 0 ? std::min(behind, DraftRequest::kShortContext) : 0);
      behind = drafted > 0 ? 0 : behind + 1;
      const WindowOutcome outcome = {sequence.key, drafted, drafted, 0};
      // At first it learns what passes cost.
      const bool beside = encodes && i >= 300;
      policy.observe({{&outcome, 1},
                      1e-4 * (static_cast<double>(drafted) + context / 4),
                      (beside ? 0.1 : 1e-3) * line(0.3)(1 + drafted),
                      beside});
      tried += i >= 300 && drafted > 0;
    }
    return tried;
  };
  const int alone = tries(false);
  EXPECT_GT(alone, 15);
  EXPECT_GE(5 * tries(true), 4 * alone);
}

// A plain pass that was due, and fell on one that encodes prompts: it can teach
// nothing until there are none, and drafting goes on.
TEST(AdaptiveWindow, APlainPassBesidePromptsIsNotMadeUpForAtOnce) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  drafted_in(10, policy, sequence);
  int iterations = 0;
  while (draft_all(policy, sequence) > 0 && ++iterations < 300) {
    iterate(policy, sequence, line(0.05));
  }
  ASSERT_LT(iterations, 300);
  const WindowOutcome outcome = {sequence.key, 0, 0, 0};
  policy.observe({{&outcome, 1}, 0, 0.1, true});
  EXPECT_GT(draft_all(policy, sequence), 0);
}

// The first draft, of one sequence, took a thousand times what drafts take. All
// others are of two sequences, until one is alone again.
TEST(AdaptiveWindow, TheFirstDraftIsNotTimed) {
  const KeyedSequence first(one_token(), 0);
  const KeyedSequence second(one_token(), 1);
  AdaptiveWindow policy(1);
  const auto drafts = [&](const std::vector<const Sequence*>& sequences,
                          double draft_seconds) {
    std::vector<DraftGuide*> guides;
    for (const Sequence* sequence : sequences) {
      guides.push_back(&policy.plan(*sequence, std::ssize(sequences)));
    }
    std::vector<WindowOutcome> outcomes;
    std::int64_t rows = 0;
    for (size_t i = 0; i < guides.size(); ++i) {
      const std::int64_t drafted = std::min<std::int64_t>(guides[i]->most(), 4);
      for (std::int64_t j = 0; j < drafted; ++j) guides[i]->drafted(0.9);
      outcomes.push_back({sequences[i]->key, drafted, drafted, drafted});
      rows += 1 + drafted;
    }
    const std::int64_t drafted = outcomes.front().drafted;
    policy.observe({outcomes, draft_seconds * static_cast<double>(drafted),
                    1e-3 * line(0.02)(rows), false});
    return drafted;
  };
  ASSERT_GT(drafts({&first}, 0.1), 0);
  for (int i = 0; i < 60; ++i) drafts({&first, &second}, 1e-4);
  std::int64_t alone = 0;
  for (int i = 0; i < 4; ++i) alone += drafts({&first}, 1e-4);
  EXPECT_GT(alone, 4);
}

// A source that guesses right again, after a long rest: what its tries took was
// mostly context that it had missed.
TEST(AdaptiveWindow, ContextEncodedForTriesDoesNotMakeDraftsDear) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(1);
  std::int64_t behind = 0;
  const auto drafted_with = [&](bool right) {
    const std::int64_t drafted = draft_all(policy, sequence);
    const auto context = static_cast<double>(
        drafted > 0 ? std::min(behind, DraftRequest::kShortContext) : 0);
    behind = drafted > 0 ? 0 : behind + 1;
    const WindowOutcome outcome = {sequence.key, drafted, drafted,
                                   right ? drafted : 0};
    policy.observe({{&outcome, 1},
                    1e-4 * (static_cast<double>(drafted) + context / 4),
                    1e-3 * line(0.05)(1 + drafted),
                    false});
    return drafted;
  };
  for (int i = 0; i < 12000; ++i) drafted_with(false);
  std::int64_t drafted = 0;
  for (int i = 0; i < 400; ++i) drafted += drafted_with(true);
  EXPECT_GT(drafted, 1000);
}

// A hopeless source behind which another one drafts eight tokens at a time: it
// rests for so many tokens, not for so many passes.
TEST(AdaptiveWindow, ARestIsCountedInTokensWhoeverDraftsThem) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(2);
  int tries = 0;
  std::int64_t tokens = 0;
  for (int i = 0; i < 1000; ++i) {
    DraftGuide& guide = policy.plan(sequence, 1);
    size_t source = 0;
    std::int64_t length = guide.ask(0);
    if (length == 0) length = guide.ask(source = 1);
    const std::int64_t drafted = std::min<std::int64_t>(length, 7);
    for (std::int64_t j = 0; j < drafted; ++j) guide.drafted(0.9);
    const WindowOutcome outcome = {sequence.key, drafted, drafted,
                                   source == 1 ? drafted : 0};
    policy.observe({{&outcome, 1},
                    2e-5 * static_cast<double>(drafted),
                    1e-3 * line(0.02)(1 + drafted),
                    false});
    tokens += outcome.accepted + 1;
    tries += i >= 100 && source == 0 && drafted > 0;
  }
  EXPECT_GT(tokens, 4000);
  EXPECT_GT(tries, 40);
}

// What `policy` would draft for a sequence from each source, by itself.
std::vector<std::int64_t> offers(AdaptiveWindow& policy,
                                 const Sequence& sequence, size_t sources,
                                 std::int64_t batch) {
  DraftGuide& guide = policy.plan(sequence, batch);
  std::vector<std::int64_t> lengths;
  for (size_t i = 0; i < sources; ++i) lengths.push_back(guide.ask(i));
  return lengths;
}

// Two sources: where the first guesses badly and the second well, the second
// gets to draft.
TEST(AdaptiveWindow, ASourceCompetesWithThoseBehindIt) {
  const KeyedSequence sequence(one_token());
  AdaptiveWindow policy(2);
  std::int64_t asked_first = 0;
  for (int i = 0; i < 300; ++i) {
    DraftGuide& guide = policy.plan(sequence, 1);
    size_t source = 0;
    std::int64_t length = guide.ask(0);
    if (length == 0) length = guide.ask(source = 1);
    if (i >= 100 && source == 0) ++asked_first;
    std::int64_t drafted = 0;
    while (drafted < length &&
           (drafted++, guide.drafted(0.9), guide.another_pays())) {
    }
    // The first gets one token right, the second all.
    const WindowOutcome outcome = {
        sequence.key, drafted, drafted,
        source == 1 ? drafted : std::min(drafted, i % 2l)};
    policy.observe({{&outcome, 1},
                    1e-4 * static_cast<double>(drafted),
                    1e-3 + 1e-5 * static_cast<double>(drafted),
                    false});
  }
  EXPECT_LT(asked_first, 60);
  EXPECT_GT(offers(policy, sequence, 2, 1)[1], 7);
}

// Iterations of a sequence whose drafts are all rejected.
void draft_in_vain(AdaptiveWindow& policy, const Sequence& sequence) {
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t drafted = draft_all(policy, sequence);
    const WindowOutcome outcome = {sequence.key, drafted, drafted, 0};
    policy.observe({{&outcome, 1},
                    1e-4 * static_cast<double>(drafted),
                    1e-3 * line(0.1)(1 + drafted),
                    false});
  }
}

// A server that starts under load: its first passes all encode prompts, and
// tell nothing of what drafts cost.
TEST(AdaptiveWindow, NothingIsDraftedToLearnFromPassesThatEncodePrompts) {
  const KeyedSequence first(one_token(), 0);
  const KeyedSequence second(one_token(), 1);
  AdaptiveWindow policy(1);
  encode_prompts(policy, first);
  EXPECT_EQ(policy.plan(first, 2).most(), 0);
  const WindowOutcome outcome = {first.key, 0, 0, 0};
  policy.observe({{&outcome, 1}, 0, 1e-3, false});
  policy.plan(first, 2);
  EXPECT_EQ(policy.plan(second, 2).most(), 0) << "the second of the warm-up";
  policy.observe({{&outcome, 1}, 0, 1e-3, false});
  EXPECT_EQ(policy.plan(first, 2).most(), 1) << "the third";
}

// It is not worth encoding a prompt for drafts that will not be used.
TEST(AdaptiveWindow, PromptsAreNotEncodedForDraftsThatDoNotPay) {
  const KeyedSequence sequence(one_token(), 0);
  const auto follows = [&](AdaptiveWindow& policy) {
    return policy.follows_prompt(KeyedSequence(one_token(), 1), 1);
  };
  AdaptiveWindow hopeless(1);
  EXPECT_TRUE(follows(hopeless)) << "nothing is known";
  draft_in_vain(hopeless, sequence);
  EXPECT_FALSE(follows(hopeless));
  AdaptiveWindow hopeful(1);
  longest_of(300, hopeful, sequence, line(0.1));
  EXPECT_TRUE(follows(hopeful));
}

// What passes over many rows cost is not known: drafts may pay.
TEST(AdaptiveWindow, PromptsOfABatchNeverSeenAreEncoded) {
  const KeyedSequence sequence(one_token(), 0);
  AdaptiveWindow policy(1);
  draft_in_vain(policy, sequence);
  EXPECT_TRUE(policy.follows_prompt(KeyedSequence(one_token(), 1), 64));
}

// All chunks of a prompt have the same answer, or the draft would have gaps.
TEST(AdaptiveWindow, APromptIsEncodedForDraftsAsAWhole) {
  const KeyedSequence sequence(one_token(), 0);
  const KeyedSequence other(one_token(), 1);
  AdaptiveWindow policy(1);
  EXPECT_TRUE(policy.follows_prompt(other, 1));
  draft_in_vain(policy, sequence);
  EXPECT_TRUE(policy.follows_prompt(other, 1));
}

// In a batch a row more costs more of a pass: windows get shorter, or vanish.
TEST(AdaptiveWindow, ABatchThatComputesMoreThanItReadsDraftsLess) {
  const KeyedSequence first(one_token(), 0);
  const KeyedSequence second(one_token(), 1);
  AdaptiveWindow policy(1);
  for (int i = 0; i < 300; ++i) {
    for (const std::int64_t batch : {1, 8}) {
      const Sequence& sequence = batch == 1 ? first : second;
      DraftGuide& guide = policy.plan(sequence, batch);
      const std::int64_t drafted = guide.most();
      for (std::int64_t j = 0; j < drafted; ++j) guide.drafted(0.8);
      std::vector<WindowOutcome> outcomes(
          static_cast<size_t>(batch),
          {sequence.key, drafted, drafted, (3 * drafted + 2) / 4});
      const auto rows = static_cast<double>(batch * (1 + drafted));
      policy.observe({outcomes, 1e-4 * static_cast<double>(drafted),
                      rows <= 8 ? 1e-3 : 1e-3 * rows / 8, false});
    }
  }
  EXPECT_GT(policy.plan(first, 1).most(), 3);
  EXPECT_LE(policy.plan(second, 8).most(), 1);
}

// Plans a batch whose first sequence drafts so many tokens in its first pass,
// and the others `rest` each. Returns whether the first one goes on.
bool first_goes_on(AdaptiveWindow& policy,
                   const std::vector<std::unique_ptr<KeyedSequence>>& batch,
                   std::int64_t first, std::int64_t rest) {
  std::vector<DraftGuide*> guides;
  for (const auto& sequence : batch) {
    guides.push_back(&policy.plan(*sequence, std::ssize(batch)));
  }
  for (DraftGuide* guide : guides) {
    EXPECT_GT(guide->most(), first);
    const std::int64_t drafts = guide == guides.front() ? first : rest;
    for (std::int64_t i = 0; i < drafts; ++i) guide->drafted(0.9);
  }
  return guides.front()->another_pays();
}

// A pass that takes in what is forced brings one more tokens than another; the
// cost of the next is shared all the same.
TEST(AdaptiveWindow, APassIsSharedByThoseWithMoreAndWithFewerTokens) {
  std::vector<std::unique_ptr<KeyedSequence>> batch;
  for (std::uint32_t slot = 0; slot < 4; ++slot) {
    batch.push_back(std::make_unique<KeyedSequence>(one_token(), slot));
  }
  AdaptiveWindow policy(1);
  for (int i = 0; i < 200; ++i) {
    std::vector<DraftGuide*> guides;
    for (const auto& sequence : batch) {
      guides.push_back(&policy.plan(*sequence, 4));
    }
    const std::int64_t most = std::min<std::int64_t>(guides[0]->most(), 5);
    std::vector<WindowOutcome> outcomes;
    for (size_t j = 0; j < batch.size(); ++j) {
      for (std::int64_t n = 0; n < most; ++n) guides[j]->drafted(0.9);
      outcomes.push_back({batch[j]->key, most, most, most});
    }
    policy.observe({outcomes, 3e-4 * static_cast<double>(most),
                    1e-3 * (1 + 0.01 * static_cast<double>(most)), false});
  }
  EXPECT_TRUE(first_goes_on(policy, batch, 3, 1));
  EXPECT_FALSE(first_goes_on(policy, batch, 3, 0));
}

}  // namespace
}  // namespace pilotfish
