#ifndef PILOTFISH_CONSTRAINT_CURSOR_H_
#define PILOTFISH_CONSTRAINT_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "text/utf8.h"

namespace pilotfish {

inline bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

inline bool is_ascii_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A place in the source of a notation. Requires valid UTF-8.
class Cursor {
 public:
  explicit Cursor(std::string_view source) : source_(source) {}

  std::string_view source() const { return source_; }
  std::size_t place() const { return place_; }
  void go_to(std::size_t place) { place_ = place; }
  bool at_end() const { return place_ == source_.size(); }
  std::string_view rest() const { return source_.substr(place_); }

  // The byte that lies `ahead` of the place; NUL behind the end.
  char peek(std::size_t ahead = 0) const {
    return ahead < source_.size() - place_ ? source_[place_ + ahead] : '\0';
  }
  void skip(std::size_t bytes) { place_ += bytes; }

  // Goes past `text` where the rest of the source begins with it.
  bool take(std::string_view text) {
    if (!rest().starts_with(text)) return false;
    place_ += text.size();
    return true;
  }

  // Goes past one character. Requires: not at the end.
  char32_t next() {
    const char32_t c = utf8_code_point(rest());
    place_ += utf8_character_length(rest());
    return c;
  }

  // Goes past a decimal number; one that is larger than `most` becomes
  // most + 1. Nothing where there are no digits.
  std::optional<std::int64_t> number(std::int64_t most) {
    if (!is_ascii_digit(peek())) return std::nullopt;
    std::int64_t value = 0;
    for (; is_ascii_digit(peek()); skip(1)) {
      if (value <= most) value = 10 * value + (peek() - '0');
    }
    return value <= most ? value : most + 1;
  }

  // Goes past `least` to `most` hexadecimal digits. Nothing, and no step, where
  // there are fewer. Values above 32 bits become the largest one.
  std::optional<char32_t> hex(std::size_t least, std::size_t most) {
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (int digit; digits < most && (digit = hex_digit(peek(digits))) >= 0;
         ++digits) {
      if (value <= UINT32_MAX) value = 16 * value + unsigned(digit);
    }
    if (digits < least) return std::nullopt;
    skip(digits);
    return value <= UINT32_MAX ? static_cast<char32_t>(value)
                               : char32_t{UINT32_MAX};
  }

 private:
  static int hex_digit(char c) {
    if (is_ascii_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }

  std::string_view source_;
  std::size_t place_ = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_CURSOR_H_
