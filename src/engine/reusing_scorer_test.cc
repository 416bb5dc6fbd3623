#include "engine/reusing_scorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
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

// A table with room for `places` sequences, which throws for one more.
std::shared_ptr<TableScorer> table(size_t places) {
  return std::make_shared<TableScorer>(LogitTable(8, 5, 1), 64, places);
}

// Encodes what a sequence lacks of a text.
void encode(Scorer& scorer, SequenceId id, std::span<const Token> text) {
  Batch batch;
  batch.add(id, text.subspan(static_cast<size_t>(scorer.length(id))), 1);
  scorer.forward(batch);
}

// A sequence with this text, released at once.
SequenceId remember(Scorer& scorer, const std::vector<Token>& text) {
  const SequenceId id = scorer.create_for(text);
  encode(scorer, id, text);
  scorer.release(id);
  return id;
}

TEST(ReusingScorer, TheLongestCommonPrefixIsTakenOverAndTheRestForgotten) {
  const auto inner = table(3);
  ReusingScorer scorer(inner, 3);
  remember(scorer, {1, 2, 3});
  // The first would lose more than it keeps, and there are free places.
  const SequenceId best = remember(scorer, {1, 4, 5, 6, 7});
  remember(scorer, {2, 4, 5, 6});
  ASSERT_EQ(inner->in_use(), 3u);
  const SequenceId id = scorer.create_for(std::vector<Token>{1, 4, 5, 2, 2});
  EXPECT_EQ(id, best);
  EXPECT_THAT(inner->cached(id), ElementsAre(1, 4, 5));
}

TEST(ReusingScorer, OneTokenIsAlwaysLeftToEncode) {
  const auto inner = table(1);
  ReusingScorer scorer(inner, 1);
  const std::vector<Token> text = {1, 2, 3, 4};
  remember(scorer, text);
  const SequenceId id = scorer.create_for(text);
  EXPECT_EQ(scorer.length(id), 3);
  scorer.release(id);
  // The tokens after the prefix are gone from the record too.
  EXPECT_EQ(scorer.length(scorer.create_for(std::vector<Token>{1, 2, 3, 4, 5})),
            3);
}

TEST(ReusingScorer, AFreePlaceIsPreferredToLosingMoreThanIsKept) {
  const auto inner = table(2);
  ReusingScorer scorer(inner, 2);
  const std::vector<Token> first = {1, 2, 3, 4, 5};
  const std::vector<Token> second = {1, 2, 7, 7, 7};
  remember(scorer, first);
  remember(scorer, second);  // keeps two of five, and there is a place
  for (const auto& text : {first, second}) {
    const SequenceId id = scorer.create_for(text);
    EXPECT_EQ(scorer.length(id), 4);
    scorer.release(id);
  }
}

TEST(ReusingScorer, WithoutAFreePlaceTheLeastRecentlyUsedGoes) {
  const auto inner = table(2);
  ReusingScorer scorer(inner, 2);
  remember(scorer, {1, 1, 1, 1});
  remember(scorer, {2, 2, 2, 2});
  remember(scorer, {1, 1, 1, 1});  // now the other is older
  remember(scorer, {3, 3, 3, 3});
  EXPECT_EQ(scorer.length(scorer.create_for(std::vector<Token>{1, 1, 1, 1})),
            3);
  EXPECT_EQ(inner->in_use(), 2u);
  const SequenceId id = scorer.create_for(std::vector<Token>{2, 2, 2, 2});
  EXPECT_EQ(scorer.length(id), 0);
  EXPECT_THROW(scorer.create(), Error);  // as the inner one does
}

TEST(ReusingScorer, ASequenceOfAPassThatThrewIsNotKept) {
  const auto inner = table(2);
  test::FailingScorer failing(*inner, 2);
  {
    ReusingScorer scorer(std::shared_ptr<Scorer>(&failing, [](Scorer*) {}), 2);
    const std::vector<Token> text = {1, 2, 3, 4};
    const SequenceId id = scorer.create_for(text);
    encode(scorer, id, std::span(text).first(2));
    EXPECT_THROW(encode(scorer, id, text), Error);
    scorer.release(id);
    EXPECT_EQ(inner->in_use(), 0u);
    EXPECT_EQ(scorer.length(scorer.create_for(text)), 0);
  }
}

TEST(ReusingScorer, GivesAllPlacesBackAtItsEnd) {
  const auto inner = table(3);
  {
    ReusingScorer scorer(inner, 3);
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
    ASSERT_LE(inner.in_use(), 3u);
    if (live.size() < 3 && below(2) == 0) {
      const std::vector<Token> text = some_tokens(1 + below(8));
      live.push_back(scorer.create_for(text));
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

TEST(ReusingScorer, WhatASequenceHoldsIsAlwaysAPrefixOfItsText) {
  const auto inner = table(3);
  ReusingScorer scorer(inner, 3);
  do_anything(scorer, *inner, 1);
}

TEST(ReusingScorer, AlsoWhereItGoesBackFurtherThanAskedFor) {
  const auto inner = table(3);
  const auto snapshots = std::make_shared<SnapshotScorer>(*inner, 3);
  ReusingScorer scorer(snapshots, 3);
  do_anything(scorer, *inner, 2);
  EXPECT_GT(snapshots->missing, 100);
}

}  // namespace
}  // namespace pilotfish
