#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/testing/table_scorer.h"
#include "speculative/testing/wrapped_scorers.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::SnapshotScorer;
using test::TableScorer;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// A table with room for `places` sequences, which throws for one more, and for
// `pool` positions in all (0: any number).
std::shared_ptr<TableScorer> table(size_t places, std::int64_t pool = 0) {
  return std::make_shared<TableScorer>(LogitTable(8, 5, 1), 128, places, pool);
}

SequenceId create_for(Scorer& scorer, const std::vector<Token>& text,
                      std::string_view salt = {}) {
  return scorer.create_for(text, salt);
}

// Encodes what a sequence lacks of a text.
void encode(Scorer& scorer, SequenceId id, std::span<const Token> text) {
  Batch batch;
  batch.add(id, text.subspan(static_cast<size_t>(scorer.length(id))), 1);
  scorer.forward(batch);
}

// A sequence with this text, released at once.
void remember(Scorer& scorer, const std::vector<Token>& text,
              std::string_view salt = {}) {
  const SequenceId id = create_for(scorer, text, salt);
  encode(scorer, id, text);
  scorer.release(id);
}

// How much of a text is found.
std::int64_t found(Scorer& scorer, const std::vector<Token>& text,
                   std::string_view salt = {}) {
  const SequenceId id = create_for(scorer, text, salt);
  const std::int64_t length = scorer.length(id);
  scorer.release(id);
  return length;
}

TEST(PrefixCache, ATextBeginsWithTheLongestPrefixThatThereIs) {
  const auto inner = table(3);
  PrefixCache scorer(inner);
  remember(scorer, {1, 2, 3});
  remember(scorer, {1, 4, 5, 6, 7});
  remember(scorer, {2, 4, 5, 6});
  const SequenceId id = create_for(scorer, {1, 4, 5, 2, 2});
  EXPECT_THAT(inner->cached(id), ElementsAre(1, 4, 5));
  // What it comes from is whole: a change in the middle loses nothing.
  EXPECT_EQ(found(scorer, {1, 4, 5, 6, 7, 7}), 5);
}

TEST(PrefixCache, OneTokenIsAlwaysLeftToEncode) {
  const auto inner = table(1);
  PrefixCache scorer(inner);
  const std::vector<Token> text = {1, 2, 3, 4};
  remember(scorer, text);
  const SequenceId id = create_for(scorer, text);
  EXPECT_EQ(scorer.length(id), 3);
  encode(scorer, id, text);
  scorer.release(id);
  EXPECT_EQ(scorer.kept_tokens(), 4);  // once
}

TEST(PrefixCache, RunningSequencesShareTheirBeginning) {
  const auto inner = table(2);
  PrefixCache scorer(inner);
  const std::vector<Token> text = {1, 2, 3, 4, 5};
  const SequenceId first = create_for(scorer, text);
  encode(scorer, first, text);
  const SequenceId second = create_for(scorer, {1, 2, 3, 7, 7, 7});
  EXPECT_EQ(scorer.length(second), 3);
  encode(scorer, second, std::vector<Token>{1, 2, 3, 7, 7, 7});
  EXPECT_THAT(inner->cached(first), ElementsAreArray(text));
  scorer.release(first);
  EXPECT_THAT(inner->cached(second), ElementsAre(1, 2, 3, 7, 7, 7));
  scorer.release(second);
}

TEST(PrefixCache, TextsWithAnotherSaltShareNothing) {
  PrefixCache scorer(table(1));
  remember(scorer, {1, 2, 3, 4}, "one");
  EXPECT_EQ(found(scorer, {1, 2, 3, 4}, "two"), 0);
  EXPECT_EQ(found(scorer, {1, 2, 3, 4}), 0);
  EXPECT_EQ(found(scorer, {1, 2, 3, 4}, "one"), 3);
}

TEST(PrefixCache, WhatWasUsedLeastRecentlyGivesWay) {
  PrefixCache scorer(table(1, 12));
  for (const Token token : {1, 2, 3}) {
    remember(scorer, std::vector<Token>(4, token));
  }
  remember(scorer, {1, 1, 1, 1});  // now 2 is the oldest
  remember(scorer, {4, 4, 4, 4});
  EXPECT_EQ(found(scorer, {2, 2, 2, 2}), 0);
  for (const Token token : {1, 3, 4}) {
    EXPECT_EQ(found(scorer, std::vector<Token>(5, token)), 4) << token;
  }
}

TEST(PrefixCache, TheEndOfATextGivesWayBeforeItsBeginning) {
  PrefixCache scorer(table(1, 110));
  const std::vector<Token> text(100, 1);
  remember(scorer, text);
  remember(scorer, std::vector<Token>(20, 2));
  EXPECT_EQ(found(scorer, text), 64);
}

TEST(PrefixCache, TheOldestTextIsShortenedAndNoOther) {
  PrefixCache scorer(table(1, 150));
  remember(scorer, std::vector<Token>(70, 1));
  remember(scorer, std::vector<Token>(70, 2));
  remember(scorer, std::vector<Token>(16, 3));
  EXPECT_EQ(found(scorer, std::vector<Token>(71, 2)), 70);
  EXPECT_EQ(found(scorer, std::vector<Token>(71, 1)), 64);
}

TEST(PrefixCache, RoomThatNothingCanGiveIsRefused) {
  PrefixCache scorer(table(2, 12));
  remember(scorer, {1, 1, 1, 1});
  const SequenceId id = create_for(scorer, {2, 2, 2, 2});
  const KvGrowth fits = {id, 12};
  EXPECT_TRUE(scorer.make_room({&fits, 1}));
  EXPECT_EQ(scorer.kept_tokens(), 0);
  const KvGrowth too_large = {id, 13};
  EXPECT_FALSE(scorer.make_room({&too_large, 1}));
}

TEST(PrefixCache, PlacesAreTheInnerScorersOwn) {
  const auto inner = table(2);
  PrefixCache scorer(inner);
  remember(scorer, {1, 1, 1, 1});  // takes none
  const SequenceId first = scorer.create();
  scorer.create();
  EXPECT_THROW(scorer.create(), Error);
  scorer.release(first);
  EXPECT_NO_THROW(scorer.create());
}

TEST(PrefixCache, ASequenceOfAPassThatThrewIsNotKept) {
  const auto inner = table(2);
  test::FailingScorer failing(*inner, 2);
  {
    PrefixCache scorer(std::shared_ptr<Scorer>(&failing, [](Scorer*) {}));
    const std::vector<Token> text = {1, 2, 3, 4};
    const SequenceId id = create_for(scorer, text);
    encode(scorer, id, std::span(text).first(2));
    EXPECT_THROW(encode(scorer, id, text), Error);
    scorer.release(id);
    EXPECT_EQ(inner->in_use(), 0u);
    EXPECT_EQ(found(scorer, text), 0);
  }
}

TEST(PrefixCache, GivesAllBackAtItsEnd) {
  const auto inner = table(3);
  {
    PrefixCache scorer(inner);
    remember(scorer, {1, 2});
    remember(scorer, {3, 4});
    EXPECT_EQ(inner->in_use(), 2u);
  }
  EXPECT_EQ(inner->in_use(), 0u);
}

// Anything that users do with a scorer, at random: what a new sequence holds is
// always a prefix of the text that it was created for, and never all of it.
void do_anything(Scorer& scorer, const TableScorer& inner, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random()) % n;
  };
  const auto some_tokens = [&](std::int64_t n) {
    std::vector<Token> tokens;
    // Few different ones, so that prefixes are often common.
    for (std::int64_t i = 0; i < n; ++i) {
      tokens.push_back(static_cast<Token>(below(2)));
    }
    return tokens;
  };
  std::vector<SequenceId> live;
  std::int64_t reused = 0;
  for (int step = 0; step < 2000; ++step) {
    if (live.size() < 3 && below(2) == 0) {
      const std::vector<Token> text = some_tokens(1 + below(8));
      live.push_back(create_for(scorer, text));
      const std::vector<Token>& held = inner.cached(live.back());
      ASSERT_LT(held.size(), text.size());
      ASSERT_THAT(held, ElementsAreArray(std::span(text).first(held.size())));
      reused += std::ssize(held);
      continue;
    }
    if (live.empty()) continue;
    const auto which = static_cast<size_t>(below(std::ssize(live)));
    const SequenceId id = live[which];
    Batch batch;
    switch (below(5)) {
      case 0:
        scorer.release(id);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
        break;
      case 1:
        scorer.truncate(id, below(scorer.length(id) + 1));
        break;
      case 2: {  // a tree of two branches, of which one is kept, or none
        if (scorer.length(id) > 40) break;
        batch.add_tree(id, some_tokens(3), std::vector<std::int32_t>{-1, -1, 1},
                       0);
        scorer.forward(batch);
        if (below(3) == 0) {  // as a request that ends with a tree in its cache
          scorer.release(id);
          live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
          break;
        }
        const std::vector<std::int32_t> path = {1, 2};
        scorer.keep(id, std::span(path).first(static_cast<size_t>(below(3))));
        break;
      }
      default:
        if (scorer.length(id) > 40) break;
        batch.add(id, some_tokens(1 + below(4)), 0);
        scorer.forward(batch);
    }
  }
  EXPECT_GT(reused, 50);
}

TEST(PrefixCache, WhatASequenceHoldsIsAlwaysAPrefixOfItsText) {
  const auto inner = table(3, 160);
  PrefixCache scorer(inner);
  do_anything(scorer, *inner, 1);
  EXPECT_GT(scorer.kept_tokens(), 0);
  const KvGrowth everything = {0, 1000};
  EXPECT_FALSE(scorer.make_room({&everything, 1}));
  EXPECT_EQ(scorer.kept_tokens(), 0);  // counted right all the while
}

TEST(PrefixCache, AlsoWhereItGoesBackFurtherThanAskedFor) {
  const auto inner = table(3, 160);
  const auto snapshots = std::make_shared<SnapshotScorer>(*inner, 3);
  PrefixCache scorer(snapshots);
  do_anything(scorer, *inner, 2);
  EXPECT_GT(snapshots->missing, 100);
}

}  // namespace
}  // namespace pilotfish
