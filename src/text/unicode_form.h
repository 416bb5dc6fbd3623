#ifndef PILOTFISH_TEXT_UNICODE_FORM_H_
#define PILOTFISH_TEXT_UNICODE_FORM_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pilotfish {

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

// `text` in one of Unicode's normalisation forms (annex 15); bytes that are no
// UTF-8 stay as they are. O(n log n) for any text.
std::string to_unicode_form(std::string_view text, UnicodeForm form);

// Every character in its lower case (simple mappings, and "i" with a dot for
// U+0130).
std::string to_lower_case(std::string_view text);

// `text` without combining marks (categories Mn, Mc and Me).
std::string strip_accents(std::string_view text);

// Unicode's White_Space property.
bool is_white_space(char32_t code_point);
// "Letter, digit, mark or connector", as regular expressions' \w.
bool is_word_character(char32_t code_point);

// A space, or a character that shows on its own line: no control, format,
// separator, surrogate, private or unassigned code point.
bool is_printable(char32_t code_point);

// How many bytes of white space `text` begins and ends with.
size_t leading_white_space(std::string_view text);
size_t trailing_white_space(std::string_view text);

// A text from a file, fit for a one-line message: in quotes, readable in any
// script, control characters and bytes that are no UTF-8 escaped, cut when
// long.
std::string quoted_text(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_UNICODE_FORM_H_
