#include "constraint/vocabulary.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace pilotfish {
namespace {

// The tokens by the bytes on the way to their nodes.
class TokensByPath {
 public:
  explicit TokensByPath(const ConstraintVocabulary& vocabulary)
      : vocabulary_(vocabulary) {
    visit(0, "");
    EXPECT_EQ(nodes_, vocabulary.nodes());
  }

  std::map<std::string, std::set<Token>> found;

 private:
  // In preorder.
  void visit(std::int32_t node, const std::string& path) {
    EXPECT_EQ(node, nodes_++);
    for (const Token token : vocabulary_.tokens(node)) {
      found[path].insert(token);
    }
    int last_byte = -1;
    for (const auto& child : vocabulary_.children(node)) {
      EXPECT_GT(child.byte, last_byte);
      last_byte = child.byte;
      visit(child.node, path + static_cast<char>(child.byte));
    }
  }

  const ConstraintVocabulary& vocabulary_;
  std::int64_t nodes_ = 0;
};

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
    EXPECT_EQ(TokensByPath(vocabulary).found, expected);
    ASSERT_EQ(vocabulary.size(), 40);
    for (Token token = 0; token < 40; ++token) {
      EXPECT_EQ(vocabulary.bytes(token),
                texts[static_cast<std::size_t>(token)]);
    }
  }
}

TEST(ConstraintVocabulary, LeavesOutTokensThatAreTooLong) {
  const std::vector<std::string> texts = {
      std::string(ConstraintVocabulary::kMostBytes + 1, 'a'),
      std::string(ConstraintVocabulary::kMostBytes, 'a')};
  const ConstraintVocabulary vocabulary(texts);
  EXPECT_EQ(TokensByPath(vocabulary).found,
            (std::map<std::string, std::set<Token>>{{texts[1], {1}}}));
  EXPECT_EQ(vocabulary.longest(), ConstraintVocabulary::kMostBytes);
}

TEST(ConstraintVocabulary, MayBeEmpty) {
  const ConstraintVocabulary vocabulary({});
  EXPECT_EQ(vocabulary.size(), 0);
  EXPECT_EQ(vocabulary.nodes(), 1);
}

}  // namespace
}  // namespace pilotfish
