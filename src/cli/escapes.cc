#include "cli/escapes.h"

#include <charconv>
#include <optional>
#include <system_error>

namespace pilotfish::cli {
namespace {

// What the letter after a backslash stands for.
std::optional<char> character_of(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '\'':
    case '"':
    case '\\':
      return letter;
    default:
      return std::nullopt;
  }
}

// The byte that two hexadecimal digits say.
std::optional<char> byte_of(std::string_view digits) {
  unsigned value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  if (digits.size() != 2 || error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return static_cast<char>(static_cast<unsigned char>(value));
}

}  // namespace

std::string without_escapes(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    std::optional<char> character;
    size_t taken = 1;
    if (text[i] == '\\' && i + 1 < text.size()) {
      if (text[i + 1] == 'x') {
        character = byte_of(text.substr(i + 2, 2));
        taken = 3;
      } else {
        character = character_of(text[i + 1]);
      }
    }
    if (character) i += taken;
    result += character.value_or(text[i]);
  }
  return result;
}

}  // namespace pilotfish::cli
