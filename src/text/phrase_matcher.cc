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

PhraseMatcher::Range PhraseMatcher::narrowed(Range range, size_t depth,
                                             char wanted) {
  const int code = static_cast<unsigned char>(wanted);
  // A phrase that ends here sorts before those that go on.
  const auto byte = [&](const auto& phrase) {
    return depth < phrase.first.size() ? byte_at(phrase.first, depth) : -1;
  };
  const auto low = std::partition_point(
      range.first, range.second,
      [&](const auto& phrase) { return byte(phrase) < code; });
  const auto high = std::partition_point(
      low, range.second,
      [&](const auto& phrase) { return byte(phrase) <= code; });
  return {low, high};
}

}  // namespace pilotfish
