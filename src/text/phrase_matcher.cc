#include "text/phrase_matcher.h"

#include <algorithm>

namespace pilotfish {
namespace {

unsigned char byte_at(std::string_view text, size_t i) {
  return static_cast<unsigned char>(text[i]);
}

}  // namespace

PhraseMatcher::PhraseMatcher(std::vector<std::pair<std::string, Token>> phrases)
    : phrases_(std::move(phrases)) {
  std::erase_if(phrases_,
                [](const auto& phrase) { return phrase.first.empty(); });
  std::ranges::stable_sort(phrases_, {}, &std::pair<std::string, Token>::first);
  phrases_.erase(std::unique(phrases_.begin(), phrases_.end(),
                             [](const auto& a, const auto& b) {
                               return a.first == b.first;
                             }),
                 phrases_.end());
  for (const auto& [text, token] : phrases_) begins_[byte_at(text, 0)] = true;
}

std::optional<PhraseMatcher::Match> PhraseMatcher::find(std::string_view text,
                                                        size_t from) const {
  for (size_t i = from; i < text.size(); ++i) {
    if (!begins_[byte_at(text, i)]) continue;
    if (const auto match = longest_at(text, i)) return match;
  }
  return std::nullopt;
}

// Narrows the sorted phrases byte by byte to those that agree with the text.
std::optional<PhraseMatcher::Match> PhraseMatcher::longest_at(
    std::string_view text, size_t begin) const {
  std::optional<Match> longest;
  auto low = phrases_.begin();
  auto high = phrases_.end();
  for (size_t depth = 0; begin + depth < text.size(); ++depth) {
    const int wanted = byte_at(text, begin + depth);
    // A phrase that ends here sorts before those that go on.
    const auto byte = [&](const auto& phrase) {
      return depth < phrase.first.size() ? byte_at(phrase.first, depth) : -1;
    };
    low = std::partition_point(
        low, high, [&](const auto& phrase) { return byte(phrase) < wanted; });
    high = std::partition_point(
        low, high, [&](const auto& phrase) { return byte(phrase) <= wanted; });
    if (low == high) break;
    if (low->first.size() == depth + 1) {
      longest = Match{begin, begin + depth + 1, low->second};
    }
  }
  return longest;
}

}  // namespace pilotfish
