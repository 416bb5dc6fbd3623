#include "constraint/vocabulary.h"

#include <algorithm>
#include <cassert>
#include <ranges>

#include "constraint/shared_walks.h"

namespace pilotfish {

ConstraintVocabulary::ConstraintVocabulary(std::span<const std::string> bytes)
    : shared_walks_(std::make_unique<SharedWalks>()) {
  first_byte_.push_back(0);
  for (const std::string& text : bytes) {
    bytes_ += text;
    first_byte_.push_back(bytes_.size());
  }
  build_trie();
}

ConstraintVocabulary::~ConstraintVocabulary() = default;

// Goes through the tokens in the order of their bytes, which is the preorder:
// each has a beginning in common with the one before, and adds nodes for the
// rest.
void ConstraintVocabulary::build_trie() {
  for (Token token = 0; token < size(); ++token) {
    const std::size_t length = bytes(token).size();
    if (length > 0 && length <= kMostBytes) tokens_.push_back(token);
  }
  std::ranges::stable_sort(tokens_, {},
                           [this](Token token) { return bytes(token); });
  std::vector<std::int32_t> path;  // the nodes of the last token, from the root
  const auto add_node = [&](std::uint8_t byte, std::size_t first_token) {
    path.push_back(static_cast<std::int32_t>(nodes_.size()));
    nodes_.push_back({.end = 0,
                      .first_token = static_cast<std::int32_t>(first_token),
                      .depth = static_cast<std::uint16_t>(path.size() - 1),
                      .byte = byte});
  };
  const auto close = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      nodes_[static_cast<std::size_t>(path.back())].end =
          static_cast<std::int32_t>(nodes_.size());
    }
  };
  add_node(0, 0);
  std::string_view last;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view text = bytes(tokens_[i]);
    const auto differs = std::ranges::mismatch(last, text);
    const auto common = static_cast<std::size_t>(differs.in1 - last.begin());
    if (common == text.size()) continue;  // the same text again
    close(common + 1);
    for (std::size_t at = common; at < text.size(); ++at) {
      add_node(static_cast<std::uint8_t>(text[at]), i);
    }
    last = text;
  }
  close(0);
  nodes_.push_back({.end = static_cast<std::int32_t>(nodes_.size()),
                    .first_token = static_cast<std::int32_t>(tokens_.size()),
                    .depth = 0,
                    .byte = 0});
}

}  // namespace pilotfish
