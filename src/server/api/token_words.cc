#include "server/api/token_words.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pilotfish::server {
namespace {

// Bytes of the character at the beginning of `text`; 0: there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Too long, a surrogate, or beyond U+10FFFF.
  const unsigned char second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return size;
}

}  // namespace

std::string token_bytes(const Tokenizer& tokenizer, Token token) {
  // A decoder may treat a text's first token in its own way.
  const std::array<Token, 2> twice = {token, token};
  const std::string one = tokenizer.decode({twice.data(), 1}, false);
  std::string two = tokenizer.decode(twice, false);
  return two.erase(0, std::min(one.size(), two.size()));
}

std::string valid_text(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t size = character_size(bytes);
    if (size == 0) {
      text += "\xEF\xBF\xBD";
    } else {
      text += bytes.substr(0, size);
    }
    bytes.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return text;
}

std::int64_t count_characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
}

}  // namespace pilotfish::server
