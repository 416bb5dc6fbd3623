#include "text/jinja/characters.h"

#include <string.h>
#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <span>

namespace pilotfish::jinja {
namespace {

constexpr char32_t kSharpS = 0xDF;

struct CodeRange {
  char32_t first;
  char32_t last;
};

// What utf8proc does not tell, of Unicode 14.0. Digits that are not decimal:
constexpr CodeRange kDigits[] = {
    {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},
    {0x19DA, 0x19DA},   {0x2070, 0x2070},   {0x2074, 0x2079},
    {0x2080, 0x2089},   {0x2460, 0x2468},   {0x2474, 0x247C},
    {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
    {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},
    {0x278A, 0x2792},   {0x10A40, 0x10A43}, {0x10E60, 0x10E68},
    {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
};

// Letters with a numeric value.
constexpr CodeRange kNumericIdeographs[] = {
    {0x3405, 0x3405},   {0x3483, 0x3483},   {0x382A, 0x382A},
    {0x3B4D, 0x3B4D},   {0x4E00, 0x4E00},   {0x4E03, 0x4E03},
    {0x4E07, 0x4E07},   {0x4E09, 0x4E09},   {0x4E5D, 0x4E5D},
    {0x4E8C, 0x4E8C},   {0x4E94, 0x4E94},   {0x4E96, 0x4E96},
    {0x4EBF, 0x4EC0},   {0x4EDF, 0x4EDF},   {0x4EE8, 0x4EE8},
    {0x4F0D, 0x4F0D},   {0x4F70, 0x4F70},   {0x5104, 0x5104},
    {0x5146, 0x5146},   {0x5169, 0x5169},   {0x516B, 0x516B},
    {0x516D, 0x516D},   {0x5341, 0x5341},   {0x5343, 0x5345},
    {0x534C, 0x534C},   {0x53C1, 0x53C4},   {0x56DB, 0x56DB},
    {0x58F1, 0x58F1},   {0x58F9, 0x58F9},   {0x5E7A, 0x5E7A},
    {0x5EFE, 0x5EFF},   {0x5F0C, 0x5F0E},   {0x5F10, 0x5F10},
    {0x62FE, 0x62FE},   {0x634C, 0x634C},   {0x67D2, 0x67D2},
    {0x6F06, 0x6F06},   {0x7396, 0x7396},   {0x767E, 0x767E},
    {0x8086, 0x8086},   {0x842C, 0x842C},   {0x8CAE, 0x8CAE},
    {0x8CB3, 0x8CB3},   {0x8D30, 0x8D30},   {0x9621, 0x9621},
    {0x9646, 0x9646},   {0x964C, 0x964C},   {0x9678, 0x9678},
    {0x96F6, 0x96F6},   {0xF96B, 0xF96B},   {0xF973, 0xF973},
    {0xF978, 0xF978},   {0xF9B2, 0xF9B2},   {0xF9D1, 0xF9D1},
    {0xF9D3, 0xF9D3},   {0xF9FD, 0xF9FD},   {0x20001, 0x20001},
    {0x20064, 0x20064}, {0x200E2, 0x200E2}, {0x20121, 0x20121},
    {0x2092A, 0x2092A}, {0x20983, 0x20983}, {0x2098C, 0x2098C},
    {0x2099C, 0x2099C}, {0x20AEA, 0x20AEA}, {0x20AFD, 0x20AFD},
    {0x20B19, 0x20B19}, {0x22390, 0x22390}, {0x22998, 0x22998},
    {0x23B1B, 0x23B1B}, {0x2626D, 0x2626D}, {0x2F890, 0x2F890},
};

// Requires: `ranges` are in order.
bool is_in(std::span<const CodeRange> ranges, char32_t code) {
  const auto range =
      std::ranges::lower_bound(ranges, code, {}, &CodeRange::last);
  return range != ranges.end() && range->first <= code;
}

utf8proc_int32_t point(char32_t code) {
  return static_cast<utf8proc_int32_t>(code);
}

char32_t upper(char32_t code) {
  return static_cast<char32_t>(utf8proc_toupper(point(code)));
}

char32_t lower(char32_t code) {
  return static_cast<char32_t>(utf8proc_tolower(point(code)));
}

void append_upper(std::string& out, char32_t code) {
  if (code == kSharpS) {
    out += "SS";
  } else {
    append_character(out, upper(code));
  }
}

void append_title(std::string& out, char32_t code) {
  if (code == kSharpS) {
    out += "Ss";
  } else {
    append_character(out, static_cast<char32_t>(utf8proc_totitle(point(code))));
  }
}

bool is_cased(char32_t code) {
  return has_upper_case(code) || has_lower_case(code) ||
         utf8proc_category(point(code)) == UTF8PROC_CATEGORY_LT;
}

// Calls `append(out, code)` for each character; what is not UTF-8 is copied.
template <typename Append>
std::string map_characters(std::string_view text, Append append) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    if (c.bytes == 1 && c.code >= 0x80) {
      out += text[at];
    } else {
      append(out, c.code);
    }
    at += c.bytes;
  }
  return out;
}

template <typename Drop>
std::string_view strip_if(std::string_view text, Side side, Drop drop) {
  while (side != Side::kRight && !text.empty()) {
    const Character c = character_at(text, 0);
    if (!drop(text.substr(0, c.bytes), c.code)) break;
    text.remove_prefix(c.bytes);
  }
  while (side != Side::kLeft && !text.empty()) {
    const Character c = character_before(text, text.size());
    if (!drop(text.substr(text.size() - c.bytes), c.code)) break;
    text.remove_suffix(c.bytes);
  }
  return text;
}

bool is_line_end(char32_t code) {
  return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) ||
         code == 0x85 || code == 0x2028 || code == 0x2029;
}

}  // namespace

Character character_at(std::string_view text, size_t offset) {
  const auto first = static_cast<unsigned char>(text[offset]);
  if (first < 0x80) return {first, 1};
  utf8proc_int32_t code = -1;
  const utf8proc_ssize_t bytes = utf8proc_iterate(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data() + offset),
      static_cast<utf8proc_ssize_t>(text.size() - offset), &code);
  if (bytes <= 0) return {0xFFFD, 1};
  return {static_cast<char32_t>(code), static_cast<size_t>(bytes)};
}

Character character_before(std::string_view text, size_t end) {
  for (size_t bytes = 1; bytes <= 4 && bytes <= end; ++bytes) {
    const auto byte = static_cast<unsigned char>(text[end - bytes]);
    if ((byte & 0xC0) == 0x80) continue;
    const Character c = character_at(text.substr(0, end), end - bytes);
    if (c.bytes == bytes) return c;
    break;
  }
  return {0xFFFD, 1};
}

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += character_at(text, at).bytes) {
    ++count;
  }
  return count;
}

std::vector<size_t> character_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += character_at(text, at).bytes) {
    offsets.push_back(at);
  }
  offsets.push_back(text.size());
  return offsets;
}

void append_character(std::string& text, char32_t code) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(point(code), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool is_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) ||
         code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_printable(char32_t code) {
  if (code == ' ') return true;
  switch (utf8proc_category(point(code))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

std::string_view strip(std::string_view text, Side side) {
  return strip_if(text, side, [](std::string_view, char32_t code) {
    return is_space(code);
  });
}

std::string_view strip(std::string_view text, Side side,
                       std::string_view characters) {
  return strip_if(text, side, [&](std::string_view bytes, char32_t) {
    return find_text(characters, bytes) != std::string_view::npos;
  });
}

std::string to_upper(std::string_view text) {
  return map_characters(text, append_upper);
}

std::string to_lower(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t code) {
    append_character(out, lower(code));
  });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return map_characters(text, [&](std::string& out, char32_t code) {
    if (first) {
      append_title(out, code);
    } else {
      append_character(out, lower(code));
    }
    first = false;
  });
}

std::string title_case(std::string_view text) {
  bool inside_word = false;
  return map_characters(text, [&](std::string& out, char32_t code) {
    if (inside_word) {
      append_character(out, lower(code));
    } else {
      append_title(out, code);
    }
    inside_word = is_cased(code);
  });
}

std::string swap_case(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t code) {
    if (has_upper_case(code)) {
      append_character(out, lower(code));
    } else {
      append_upper(out, code);
    }
  });
}

std::string fold_case(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t code) {
    utf8proc_int32_t folded[8];
    int unused = 0;
    const utf8proc_ssize_t size = utf8proc_decompose_char(
        point(code), folded, std::size(folded), UTF8PROC_CASEFOLD, &unused);
    for (utf8proc_ssize_t i = 0; i < size; ++i) {
      append_character(out, static_cast<char32_t>(folded[i]));
    }
  });
}

bool has_upper_case(char32_t code) {
  return utf8proc_category(point(code)) == UTF8PROC_CATEGORY_LU;
}

bool has_lower_case(char32_t code) {
  return utf8proc_category(point(code)) == UTF8PROC_CATEGORY_LL;
}

bool is_letter(char32_t code) {
  switch (utf8proc_category(point(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return true;
    default:
      return false;
  }
}

bool is_decimal(char32_t code) {
  return utf8proc_category(point(code)) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t code) {
  return is_decimal(code) || is_in(kDigits, code);
}

bool is_numeric(char32_t code) {
  switch (utf8proc_category(point(code))) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return is_in(kNumericIdeographs, code);
  }
}

bool starts_identifier(char32_t code) {
  return code == '_' || is_letter(code) ||
         utf8proc_category(point(code)) == UTF8PROC_CATEGORY_NL;
}

bool continues_identifier(char32_t code) {
  switch (utf8proc_category(point(code))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return starts_identifier(code);
  }
}

bool is_title(std::string_view text) {
  bool found = false;
  bool inside_word = false;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    const bool is_small = has_lower_case(c.code);
    if (is_cased(c.code) && is_small != inside_word) return false;
    inside_word = is_cased(c.code);
    found = found || inside_word;
    at += c.bytes;
  }
  return found;
}

bool has_one_case(std::string_view text, bool (*wanted)(char32_t),
                  bool (*other)(char32_t)) {
  bool found = false;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    if (other(c.code)) return false;
    found = found || wanted(c.code);
    at += c.bytes;
  }
  return found;
}

std::vector<std::string_view> split_lines(std::string_view text,
                                          bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    const size_t end = at;
    at += c.bytes;
    if (!is_line_end(c.code)) continue;
    if (c.code == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

size_t find_text(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  // memmem is linear; std::string::find is quadratic on "aaa...ab".
  const void* found = memmem(text.data() + from, text.size() - from,
                             needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

size_t find_last_text(std::string_view text, std::string_view needle) {
  // Knuth, Morris and Pratt's search, run from the end: rfind is quadratic.
  const size_t size = needle.size();
  if (size > text.size()) return std::string_view::npos;
  const auto from_end = [&](size_t i) { return needle[size - 1 - i]; };
  std::vector<size_t> border(size + 1, 0);
  for (size_t i = 1, matched = 0; i < size; ++i) {
    while (matched > 0 && from_end(i) != from_end(matched)) {
      matched = border[matched];
    }
    if (from_end(i) == from_end(matched)) ++matched;
    border[i + 1] = matched;
  }
  size_t matched = 0;
  for (size_t at = text.size(); matched < size && at > 0; --at) {
    while (matched > 0 && text[at - 1] != from_end(matched)) {
      matched = border[matched];
    }
    if (text[at - 1] == from_end(matched)) ++matched;
    if (matched == size) return at - 1;
  }
  return size == 0 ? text.size() : std::string_view::npos;
}

}  // namespace pilotfish::jinja
