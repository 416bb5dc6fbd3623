#include "constraint/vocabulary.h"

#include <algorithm>
#include <cassert>
#include <ranges>

#include "constraint/plain_text.h"
#include "constraint/shared_walks.h"

namespace pilotfish {
namespace {

// Where a plain character stands behind one more byte: 0 behind its end.
std::int32_t in_plain_character(std::int32_t state, std::uint8_t byte) {
  const TransitionTable& table = plain_character();
  if (state != TransitionTable::kDead) state = table.next(state, byte);
  return state != TransitionTable::kDead && table.accepting(state) ? 0 : state;
}

bool is_plain(std::string_view bytes) {
  std::int32_t state = 0;
  for (const char byte : bytes) {
    state = in_plain_character(state, static_cast<std::uint8_t>(byte));
  }
  return state == 0;
}

}  // namespace

ConstraintVocabulary::ConstraintVocabulary(std::span<const std::string> bytes)
    : plain_(std::ssize(bytes)),
      shared_walks_(std::make_unique<SharedWalks>()) {
  first_byte_.push_back(0);
  for (const std::string& text : bytes) {
    bytes_ += text;
    first_byte_.push_back(bytes_.size());
  }
  build_trie();
  find_plain_tokens();
  find_below();
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
  struct Edge {
    std::int32_t parent;
    Child child;
  };
  std::vector<Edge> edges;
  std::vector<std::int32_t> path = {0};  // to the last token
  nodes_.push_back({.first_token = 0, .first_child = 0});
  std::string_view last;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view text = bytes(tokens_[i]);
    const auto differs = std::ranges::mismatch(last, text);
    const auto common = static_cast<std::size_t>(differs.in1 - last.begin());
    if (common == text.size()) continue;  // the same text again
    path.resize(common + 1);
    for (std::size_t at = common; at < text.size(); ++at) {
      const auto node = static_cast<std::int32_t>(nodes_.size());
      edges.push_back({path.back(),
                       {.node = node,
                        .byte = static_cast<std::uint8_t>(text[at]),
                        .is_plain = false}});
      nodes_.push_back(
          {.first_token = static_cast<std::int32_t>(i), .first_child = 0});
      path.push_back(node);
    }
    longest_ = std::max(longest_, static_cast<std::int32_t>(text.size()));
    last = text;
  }
  nodes_.push_back({.first_token = static_cast<std::int32_t>(tokens_.size()),
                    .first_child = 0});
  std::ranges::stable_sort(edges, {}, &Edge::parent);
  for (const auto& [parent, child] : edges) children_.push_back(child);
  std::size_t next = 0;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    nodes_[node].first_child = static_cast<std::int32_t>(next);
    while (next < edges.size() &&
           edges[next].parent == static_cast<std::int32_t>(node)) {
      ++next;
    }
  }
}

// Below: from the last node on, so that what lies below one is known.
void ConstraintVocabulary::find_plain_tokens() {
  for (const Token token : tokens_) {
    if (is_plain(bytes(token))) plain_.allow(token);
  }
  std::vector<char> all_below(static_cast<std::size_t>(nodes()), 0);
  for (std::size_t i = all_below.size(); i-- > 0;) {
    const auto node = static_cast<std::int32_t>(i);
    all_below[i] =
        std::ranges::all_of(
            tokens(node), [&](Token token) { return plain_.allows(token); }) &&
                std::ranges::all_of(
                    children(node),
                    [&](const Child& child) {
                      return all_below[static_cast<std::size_t>(child.node)] !=
                             0;
                    })
            ? 1
            : 0;
  }
  for (Child& child : children_) {
    child.is_plain = all_below[static_cast<std::size_t>(child.node)] != 0;
  }
}

void ConstraintVocabulary::find_below() {
  // Where a character stands at each node, from the first on.
  std::vector<std::int32_t> character(static_cast<std::size_t>(nodes()), 0);
  for (std::int32_t node = 0; node < nodes(); ++node) {
    const std::int32_t its = character[static_cast<std::size_t>(node)];
    for (const Child& child : children(node)) {
      character[static_cast<std::size_t>(child.node)] =
          its == 0 && child.byte < 0x80 ? 0
                                        : in_plain_character(its, child.byte);
    }
  }
  below_.assign(static_cast<std::size_t>(nodes()), {});
  std::vector<char> broken(below_.size(), 0);
  for (std::size_t i = below_.size(); i-- > 0;) {
    const auto node = static_cast<std::int32_t>(i);
    Below& its = below_[i];
    its = {.kinds = 0, .past_token = first_token(node + 1), .height = 0};
    for (const Child& child : children(node)) {
      const auto at = static_cast<std::size_t>(child.node);
      its.kinds |= below_[at].kinds | std::uint64_t{1}
                                          << kind_of_byte(child.byte);
      its.past_token = below_[at].past_token;
      its.height = std::max(its.height, below_[at].height + 1);
      if (broken[at] != 0 || character[at] == TransitionTable::kDead) {
        broken[i] = 1;
      }
    }
  }
  for (std::size_t i = 0; i < below_.size(); ++i) {
    if (broken[i] != 0 || character[i] != 0) {
      below_[i].kinds |= std::uint64_t{1} << kBroken;
    }
  }
}

int kind_of_byte(std::uint8_t byte) {
  constexpr std::string_view kAlone = "_-./:@ ";
  if (byte >= 'a' && byte <= 'z') return byte - 'a';
  if (byte >= 'A' && byte <= 'Z') return 26 + byte - 'A';
  if (byte >= '0' && byte <= '9') return 52;
  if (byte >= 0x80) return kMultibyte;
  if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F) {
    return kSpecial;
  }
  const std::size_t at = kAlone.find(static_cast<char>(byte));
  return at != std::string_view::npos ? 54 + static_cast<int>(at) : 61;
}

}  // namespace pilotfish
