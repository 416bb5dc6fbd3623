#include "text/jinja/characters.h"

#include <string.h>
#include <utf8proc.h>

namespace pilotfish::jinja {
namespace {

constexpr char32_t kSharpS = 0xDF;

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

bool is_digit(char32_t code) {
  return utf8proc_category(point(code)) == UTF8PROC_CATEGORY_ND;
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

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    const size_t end = at;
    at += c.bytes;
    if (!is_line_end(c.code)) continue;
    if (c.code == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(start, end - start));
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
