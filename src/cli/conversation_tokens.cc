#include "cli/conversation_tokens.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace pilotfish::cli {
namespace {

bool starts_with(std::span<const Token> all, std::span<const Token> beginning) {
  return beginning.size() <= all.size() &&
         std::ranges::equal(all.first(beginning.size()), beginning);
}

// The tokens whose text the answer is. Behind a stop string, the text ends
// somewhere inside them: none.
std::vector<Token> tokens_of_text(const Generation& answer) {
  std::vector<Token> tokens = answer.tokens;
  if (answer.finish_reason == FinishReason::kStopString) return {};
  if (answer.finish_reason == FinishReason::kStopToken) tokens.pop_back();
  return tokens;
}

}  // namespace

std::vector<Token> ConversationTokens::encode(const RenderedChat& chat) const {
  const std::vector<Token> whole = encode_to(chat, chat.text.size());
  for (auto it = cuts_.rbegin(); it != cuts_.rend(); ++it) {
    const Cut& cut = *it;
    if (!agrees(cut, chat)) continue;
    // Only where the tokenizer itself would cut, so that no token lies across.
    const std::vector<Token> before = encode_to(chat, cut.text);
    if (!starts_with(whole, before)) continue;
    const auto known = std::span(tokens_).first(cut.tokens);
    std::vector<Token> tokens(known.begin(), known.end());
    tokens.insert(tokens.end(),
                  whole.begin() + static_cast<std::ptrdiff_t>(before.size()),
                  whole.end());
    return tokens;
  }
  return whole;
}

bool ConversationTokens::agrees(const Cut& cut,
                                const RenderedChat& chat) const {
  return chat.text.starts_with(std::string_view(text_).substr(0, cut.text));
}

// The tokens of the text's first `end` bytes.
std::vector<Token> ConversationTokens::encode_to(const RenderedChat& chat,
                                                 size_t end) const {
  std::vector<TextRange> content;
  if (!parse_special_) {
    for (const TextRange& range : chat.content) {
      if (range.begin >= end) break;
      content.push_back({range.begin, std::min(range.end, end)});
    }
  }
  // The template writes BOS itself.
  return tokenizer_.encode(std::string_view(chat.text).substr(0, end),
                           {.add_special = false, .literal = content});
}

void ConversationTokens::remember(const RenderedChat& chat,
                                  std::vector<Token> prompt,
                                  const Generation& answer) {
  std::erase_if(cuts_, [&](const Cut& cut) {
    return !agrees(cut, chat) ||
           !starts_with(prompt, std::span(tokens_).first(cut.tokens));
  });
  text_ = chat.text;
  tokens_ = std::move(prompt);
  cuts_.push_back({text_.size(), tokens_.size()});
  const std::vector<Token> said = tokens_of_text(answer);
  if (said.empty()) return;
  text_ += answer.text;
  tokens_.insert(tokens_.end(), said.begin(), said.end());
  cuts_.push_back({text_.size(), tokens_.size()});
}

}  // namespace pilotfish::cli
