#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Toy {
  std::vector<std::string> tokens;
  std::vector<std::pair<std::string, std::string>> merges;
  BpeOptions options;

  std::unique_ptr<BpeModel> build() const {
    auto vocabulary = std::make_shared<Vocabulary>();
    for (size_t i = 0; i < tokens.size(); ++i) {
      vocabulary->add(static_cast<std::int64_t>(i), tokens[i]);
    }
    const std::vector<BpeModel::Pair> pairs(merges.begin(), merges.end());
    return std::make_unique<BpeModel>(
        vocabulary, std::vector<bool>(tokens.size(), true), pairs, options);
  }

  std::vector<std::string> encode(const std::string& text) const {
    return encode(*build(), text);
  }
  std::vector<std::string> encode(const BpeModel& model,
                                  const std::string& text) const {
    MergeLoop loop;
    std::vector<Token> out;
    model.encode(text, loop, out);
    std::vector<std::string> texts;
    for (const Token token : out) {
      texts.push_back(tokens[static_cast<size_t>(token)]);
    }
    return texts;
  }
};

// Byte-pair encoding as its paper has it: over and over, the pair of the lowest
// rank, leftmost first.
std::vector<std::string> merge_naively(const Toy& toy,
                                       const std::string& text) {
  std::vector<std::string> parts;
  for (const char c : text) parts.emplace_back(1, c);
  while (true) {
    size_t best = toy.merges.size();
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      for (size_t rank = 0; rank < best; ++rank) {
        if (toy.merges[rank].first == parts[i] &&
            toy.merges[rank].second == parts[i + 1]) {
          best = rank;
          at = i;
        }
      }
    }
    if (best == toy.merges.size()) return parts;
    parts[at] += parts[at + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(Bpe, MergesAsTheDefinitionSays) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Toy toy{{"a", "b", "c"}, {}, {}};
    for (int i = 0; i < 12; ++i) {
      // Pairs that give a token already there would leave its rank open.
      const std::string left = toy.tokens[random() % toy.tokens.size()];
      const std::string right = toy.tokens[random() % toy.tokens.size()];
      if (std::ranges::find(toy.tokens, left + right) != toy.tokens.end()) {
        continue;
      }
      toy.tokens.push_back(left + right);
      toy.merges.emplace_back(left, right);
    }
    const auto model = toy.build();
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (size_t k = random() % 30; k > 0; --k) {
        text += static_cast<char>('a' + random() % 3);
      }
      EXPECT_EQ(toy.encode(*model, text), merge_naively(toy, text)) << text;
    }
  }
}

TEST(Bpe, IgnoresMergesForWholeTokensOnlyIfAsked) {
  Toy toy{{"a", "b", "c", "bc", "abc"}, {{"b", "c"}}, {}};
  EXPECT_THAT(toy.encode("abc"), ElementsAre("a", "bc"));
  toy.options.ignore_merges = true;
  EXPECT_THAT(toy.encode("abc"), ElementsAre("abc"));
}

TEST(Bpe, CharactersWithoutTokenBecomeUnknown) {
  Toy toy{{"a", "?"}, {}, {.unknown = 1}};
  EXPECT_THAT(toy.encode("xya\xFF"), ElementsAre("?", "?", "a", "?"));
  toy.options.fuse_unknown = true;
  EXPECT_THAT(toy.encode("xyaz"), ElementsAre("?", "a", "?"));
  toy.options.unknown = -1;
  EXPECT_THAT(toy.encode("xyaz"), ElementsAre("a"));
}

TEST(Bpe, FallsBackToBytesWhereItHasAllOfThem) {
  Toy toy{{"a", "?", "<0xC3>", "<0xA9>", "<0xFF>", "\uFFFD"},
          {},
          {.byte_fallback = true, .unknown = 1, .fuse_unknown = true}};
  EXPECT_THAT(toy.encode("a\u00E9"), ElementsAre("a", "<0xC3>", "<0xA9>"));
  EXPECT_THAT(toy.encode("\u00E8"
                         "a"),
              ElementsAre("?", "a"));
  EXPECT_THAT(toy.encode("\xFF"), ElementsAre("<0xFF>"));
  EXPECT_THAT(toy.encode("\xFE"), ElementsAre("\uFFFD"));
}

TEST(Bpe, CutsBeforeBlanksOnlyWhereNoTokenSpansThem) {
  Toy toy{{"▁", "a", "▁a", "▁▁", "a▁"}, {{"▁", "a"}, {"▁", "▁"}}, {}};
  EXPECT_TRUE(toy.build()->cuts_before_blank());
  toy.merges.emplace_back("a", "▁");
  EXPECT_FALSE(toy.build()->cuts_before_blank());
  toy.merges.pop_back();
  toy.options.ignore_merges = true;
  EXPECT_FALSE(toy.build()->cuts_before_blank());
  EXPECT_FALSE((Toy{{"a"}, {}, {}}).build()->cuts_before_blank());
}

TEST(Bpe, RefusesMergesOfUnknownTokens) {
  for (const auto& merge :
       {std::pair("a", "x"), std::pair("x", "a"), std::pair("a", "a")}) {
    const Toy toy{{"a", "b"}, {merge}, {}};
    try {
      toy.build();
      ADD_FAILURE() << merge.first << merge.second;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("merge 0"));
      EXPECT_THAT(e.what(), HasSubstr("is not in the vocabulary"));
    }
  }
}

TEST(Bpe, SplitsMergesAtTheirOnlySpace) {
  EXPECT_EQ(split_merge("a b"),
            (std::pair<std::string_view, std::string_view>("a", "b")));
  EXPECT_FALSE(split_merge("ab"));
  EXPECT_FALSE(split_merge("a b c"));
}

TEST(Vocabulary, FindsWhatWasAdded) {
  Vocabulary vocabulary;
  for (int i = 0; i < 5000; ++i) vocabulary.add(2 * i, std::to_string(i));
  EXPECT_EQ(vocabulary.size(), 9999U);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(vocabulary.find(std::to_string(i)), 2 * i);
    EXPECT_EQ(vocabulary.text(2 * i), std::to_string(i));
  }
  EXPECT_FALSE(vocabulary.find("5000"));
  EXPECT_EQ(vocabulary.text(1), "");
  vocabulary.add(9999, "7");  // the first id of a text is the one found
  EXPECT_EQ(vocabulary.find("7"), 14);
  EXPECT_NO_THROW(vocabulary.add(14, "7"));
  EXPECT_THROW(vocabulary.add(14, "8"), Error);
  EXPECT_THROW(vocabulary.add(-1, "x"), Error);
  EXPECT_THROW(vocabulary.add(kMaxVocabularySize, "x"), Error);
}

}  // namespace
}  // namespace pilotfish
