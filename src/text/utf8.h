#ifndef PILOTFISH_TEXT_UTF8_H_
#define PILOTFISH_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pilotfish {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// The bytes of the well-formed UTF-8 character that begins `text` (1 to 4), or
// 0 where none does: overlong forms, surrogates and values above U+10FFFF are
// not characters (Unicode, table 3-7). Requires a non-empty text.
size_t utf8_character_length(std::string_view text);

// The code point of a character whose length `utf8_character_length` gave.
char32_t utf8_code_point(std::string_view character);

// Requires a Unicode scalar value.
void append_utf8(char32_t code_point, std::string& out);

// Where the last character of `text` begins; its last byte where that ends
// none. Requires a non-empty text.
size_t last_character(std::string_view text);

bool is_valid_utf8(std::string_view text);

// `text` with every byte that belongs to no character replaced by U+FFFD (one
// for each maximal part of a character, as Unicode recommends).
std::string to_valid_utf8(std::string_view text);

// How much of `text` can be shown now: all but a last character that is begun
// and may still be completed.
size_t utf8_complete_length(std::string_view text);

// Calls visit(run, is_valid) for each longest stretch of `text` that is, or is
// not, made of well-formed characters, in order.
template <class Visit>
void for_each_utf8_run(std::string_view text, Visit&& visit) {
  size_t begin = 0;
  while (begin < text.size()) {
    const bool valid = utf8_character_length(text.substr(begin)) != 0;
    size_t end = begin;
    while (end < text.size()) {
      const size_t length = utf8_character_length(text.substr(end));
      if ((length != 0) != valid) break;
      end += valid ? length : 1;
    }
    visit(text.substr(begin, end - begin), valid);
    begin = end;
  }
}

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_UTF8_H_
