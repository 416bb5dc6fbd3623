#ifndef PILOTFISH_TEXT_JINJA_CHARACTERS_H_
#define PILOTFISH_TEXT_JINJA_CHARACTERS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Python's view of a string as a row of code points, over UTF-8. A byte that is
// not part of valid UTF-8 counts as one character and passes through unchanged.
namespace pilotfish::jinja {

struct Character {
  char32_t code = 0;  // U+FFFD where the bytes are not UTF-8
  size_t bytes = 1;
};

// The character at byte `offset`. Requires: offset < text.size().
Character character_at(std::string_view text, size_t offset);
// The same for the character that ends just before byte `end`; end > 0.
Character character_before(std::string_view text, size_t end);

size_t count_characters(std::string_view text);
// Where each character starts, and text.size() at the end.
std::vector<size_t> character_offsets(std::string_view text);

void append_character(std::string& text, char32_t code);

// str.isspace
bool is_space(char32_t code);
bool is_printable(char32_t code);

enum class Side { kLeft, kRight, kBoth };
// str.strip and its kin: white space.
std::string_view strip(std::string_view text, Side side);
// The same, any of `characters`.
std::string_view strip(std::string_view text, Side side,
                       std::string_view characters);

// One-to-one case mappings, and the German sharp s's capital "SS".
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string capitalize(std::string_view text);
// str.title: a capital after everything that has no case.
std::string title_case(std::string_view text);
std::string swap_case(std::string_view text);
// str.casefold
std::string fold_case(std::string_view text);

bool has_upper_case(char32_t code);
bool has_lower_case(char32_t code);
bool is_letter(char32_t code);
// str.isdecimal, isdigit and isnumeric: each takes in what the one before does.
bool is_decimal(char32_t code);
bool is_digit(char32_t code);
bool is_numeric(char32_t code);
// str.isidentifier
bool starts_identifier(char32_t code);
bool continues_identifier(char32_t code);
// str.istitle
bool is_title(std::string_view text);

// str.isupper and str.islower: some character has the case `wanted`, none the
// other.
bool has_one_case(std::string_view text, bool (*wanted)(char32_t),
                  bool (*other)(char32_t));

// str.splitlines
std::vector<std::string_view> split_lines(std::string_view text,
                                          bool keep_ends = false);

// The first `needle` at or after byte `from`, npos for none, in linear time.
size_t find_text(std::string_view text, std::string_view needle,
                 size_t from = 0);
// The last `needle`, npos for none, in time linear in what is left to search.
size_t find_last_text(std::string_view text, std::string_view needle);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_CHARACTERS_H_
