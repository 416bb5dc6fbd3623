#include "cli/trace_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace pilotfish::cli {
namespace {

constexpr std::string_view kPartOfCharacter = "…";

std::string text_of(const Tokenizer& tokenizer, TextStream& stream,
                    Token token) {
  if (token < 0 || static_cast<size_t>(token) >= tokenizer.vocab_size()) {
    return fmt::format("[{}]", token);
  }
  std::string text = stream.push(token);
  if (!text.empty()) return text;
  if (tokenizer.is_special(token)) {
    return std::string(tokenizer.token_text(token));
  }
  return std::string(kPartOfCharacter);
}

}  // namespace

std::vector<TracePass> trace_passes(const Generation& generation) {
  std::vector<TracePass> passes;
  size_t first = 0;
  for (const IterationStats& stats : generation.stats.iterations) {
    const size_t left = generation.tokens.size() - first;
    const size_t emitted = std::min(static_cast<size_t>(stats.emitted), left);
    passes.push_back({stats, first, emitted});
    first += emitted;
  }
  return passes;
}

std::vector<std::string> token_texts(const Tokenizer* tokenizer,
                                     std::span<const Token> context,
                                     std::span<const Token> tokens) {
  std::vector<std::string> texts;
  std::optional<TextStream> stream;
  if (tokenizer) stream.emplace(*tokenizer, context);
  for (const Token token : tokens) {
    texts.push_back(stream ? text_of(*tokenizer, *stream, token)
                           : fmt::format("{} ", token));
  }
  return texts;
}

size_t whole_characters(const std::string& text, size_t most) {
  size_t length = std::min(text.size(), most);
  while (length < text.size() && length > 0 && (text[length] & 0xC0) == 0x80) {
    --length;
  }
  return length;
}

}  // namespace pilotfish::cli
