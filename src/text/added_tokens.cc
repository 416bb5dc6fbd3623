#include "text/added_tokens.h"

#include <fmt/core.h>

#include <algorithm>

#include "pilotfish/error.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

bool is_word(std::string_view character) {
  return utf8_character_length(character) != 0 &&
         is_word_character(utf8_code_point(character));
}

bool touches_word(std::string_view text, size_t begin, size_t end) {
  const std::string_view before = text.substr(0, begin);
  const std::string_view after = text.substr(end);
  return (!before.empty() && is_word(before.substr(last_character(before)))) ||
         (!after.empty() && is_word(after));
}

// Requires: `ranges` are in order.
bool overlaps(std::span<const TextRange> ranges, size_t begin, size_t end) {
  auto range = std::ranges::upper_bound(ranges, begin, {}, &TextRange::end);
  for (; range != ranges.end() && range->begin < end; ++range) {
    if (range->begin < range->end) return true;
  }
  return false;
}

}  // namespace

void add_tokens(const std::vector<AddedToken>& tokens, Vocabulary& vocabulary,
                const std::string& where) {
  for (const AddedToken& token : tokens) {
    const auto known = vocabulary.find(token.text);
    if (known && *known != token.id) {
      throw Error(
          fmt::format("{}: added token {} has id {}, but {} in the vocabulary",
                      where, quoted_text(token.text), token.id, *known));
    }
    try {
      vocabulary.add(token.id, token.text);
    } catch (const Error& e) {
      throw Error(fmt::format("{}: added tokens: {}", where, e.what()));
    }
  }
}

AddedTokens::AddedTokens(
    const std::vector<std::pair<std::string, AddedToken>>& tokens) {
  std::vector<std::pair<std::string, Token>> all;
  std::vector<std::pair<std::string, Token>> plain;
  for (const auto& [text, token] : tokens) {
    const auto number = static_cast<Token>(ids_.size());
    ids_.push_back(static_cast<Token>(token.id));
    rules_.push_back(
        {token.special, token.single_word, token.lstrip, token.rstrip});
    all.emplace_back(text, number);
    if (!token.special) plain.emplace_back(text, number);
  }
  all_ = PhraseMatcher(std::move(all));
  plain_ = PhraseMatcher(std::move(plain));
}

std::vector<TextSegment> AddedTokens::split(
    std::string_view text, bool parse_special,
    std::span<const TextRange> literal) const {
  const PhraseMatcher& matcher = parse_special ? all_ : plain_;
  std::vector<TextSegment> segments;
  size_t done = 0;
  const auto add_stretch = [&](size_t end) {
    if (done < end) segments.push_back({text.substr(done, end - done)});
  };
  const auto may_be_read = [&](const PhraseMatcher::Match& match) {
    return !rules_[static_cast<size_t>(match.token)].special ||
           !overlaps(literal, match.begin, match.end);
  };
  size_t from = 0;
  while (const auto match = matcher.find(text, from, may_be_read)) {
    const auto number = static_cast<size_t>(match->token);
    const Rules& rules = rules_[number];
    from = match->end;
    if (rules.single_word && touches_word(text, match->begin, match->end)) {
      continue;
    }
    // White space that the token before has taken may begin this one.
    size_t begin = std::max(match->begin, done);
    size_t end = match->end;
    if (rules.lstrip) {
      begin -= trailing_white_space(text.substr(done, begin - done));
    }
    if (rules.rstrip) end += leading_white_space(text.substr(end));
    add_stretch(begin);
    segments.push_back({.text = {}, .token = ids_[number]});
    done = end;
  }
  add_stretch(text.size());
  return segments;
}

}  // namespace pilotfish
