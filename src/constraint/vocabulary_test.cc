#include "constraint/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace pilotfish {
namespace {

using Node = ConstraintVocabulary::Node;

// The tokens by the bytes on the way to their nodes.
std::map<std::string, std::set<Token>> tokens_by_path(
    const ConstraintVocabulary& vocabulary) {
  std::map<std::string, std::set<Token>> found;
  std::string path;
  const std::span<const Node> nodes = vocabulary.nodes();
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
    if (nodes[i].depth > 0) {
      path.resize(nodes[i].depth - 1U);
      path += static_cast<char>(nodes[i].byte);
    }
    for (std::int32_t k = nodes[i].first_token; k < nodes[i + 1].first_token;
         ++k) {
      found[path].insert(vocabulary.tokens()[static_cast<std::size_t>(k)]);
    }
  }
  return found;
}

TEST(ConstraintVocabulary, LaysTokensOutByTheirBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> texts;
    std::map<std::string, std::set<Token>> expected;
    for (Token token = 0; token < 40; ++token) {
      std::string text;
      for (std::size_t i = random() % 5; i > 0; --i) {
        text += "ab\xFF"[random() % 3];
      }
      if (!text.empty()) expected[text].insert(token);
      texts.push_back(text);
    }
    const ConstraintVocabulary vocabulary(texts);
    EXPECT_EQ(tokens_by_path(vocabulary), expected);
    ASSERT_EQ(vocabulary.size(), 40);
    for (Token token = 0; token < 40; ++token) {
      EXPECT_EQ(vocabulary.bytes(token),
                texts[static_cast<std::size_t>(token)]);
    }
    // What is below a node is what is deeper, up to its end.
    const std::span<const Node> nodes = vocabulary.nodes();
    for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
      std::size_t end = i + 1;
      while (end + 1 < nodes.size() && nodes[end].depth > nodes[i].depth) ++end;
      EXPECT_EQ(nodes[i].end, static_cast<std::int32_t>(end));
    }
  }
}

TEST(ConstraintVocabulary, LeavesOutTokensThatAreTooLong) {
  const std::vector<std::string> texts = {
      std::string(ConstraintVocabulary::kMostBytes + 1, 'a'),
      std::string(ConstraintVocabulary::kMostBytes, 'a')};
  EXPECT_THAT(ConstraintVocabulary(texts).tokens(), testing::ElementsAre(1));
}

TEST(ConstraintVocabulary, MayBeEmpty) {
  const ConstraintVocabulary vocabulary({});
  EXPECT_EQ(vocabulary.size(), 0);
  EXPECT_EQ(vocabulary.nodes().size(), 2U);
}

}  // namespace
}  // namespace pilotfish
