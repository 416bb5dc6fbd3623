#include <algorithm>

#include "pilotfish/tokenizer.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

// Enough to hold the beginning of a character that is split over byte tokens.
constexpr size_t kContextTokens = 8;

bool has_text(const Tokenizer& tokenizer, Token token) {
  return !tokenizer.is_special(token) && !tokenizer.token_text(token).empty();
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer,
                       std::span<const Token> context)
    : tokenizer_(tokenizer) {
  for (size_t i = context.size(); i > 0 && window_.size() < kContextTokens;) {
    const Token token = context[--i];
    if (has_text(tokenizer_, token)) window_.push_back(token);
  }
  std::ranges::reverse(window_);
  // A character that the context leaves unfinished comes out once it is whole.
  shown_ = utf8_complete_length(tokenizer_.decode(window_));
}

std::string TextStream::push(Token token) {
  if (!has_text(tokenizer_, token)) return {};
  window_.push_back(token);
  const std::string text = tokenizer_.decode(window_);
  if (text.size() <= shown_) return {};
  const std::string_view fresh = std::string_view(text).substr(shown_);
  const size_t complete = utf8_complete_length(fresh);
  shown_ += complete;
  if (complete == fresh.size()) forget_old_tokens();
  return to_valid_utf8(fresh.substr(0, complete));
}

std::string TextStream::finish() {
  const std::string text = tokenizer_.decode(window_);
  if (text.size() <= shown_) return {};
  std::string rest = to_valid_utf8(std::string_view(text).substr(shown_));
  shown_ = text.size();
  forget_old_tokens();
  return rest;
}

// Keeps the fewest last tokens that decode to something: a decoder that drops a
// leading blank has then dropped it, and treats what follows as it would after
// the whole text.
void TextStream::forget_old_tokens() {
  for (size_t kept = 1; kept <= window_.size(); ++kept) {
    const auto last = std::span(window_).last(kept);
    const size_t bytes = tokenizer_.decode(last).size();
    if (bytes == 0) continue;
    window_.erase(window_.begin(),
                  window_.end() - static_cast<std::ptrdiff_t>(kept));
    shown_ = bytes;
    return;
  }
}

}  // namespace pilotfish
