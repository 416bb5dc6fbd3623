#include "text/unicode_form.h"

#include <fmt/core.h>
#include <utf8proc.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "text/utf8.h"

namespace pilotfish {
namespace {

// The longest compatibility decomposition of one character (U+FDFA) is 18.
constexpr int kMaxDecomposition = 32;

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// utf8proc sorts combining marks by swapping neighbours, which takes quadratic
// time over a long run of them; each run is sorted at once here.
void order_marks(std::vector<utf8proc_int32_t>& code_points) {
  auto begin = code_points.begin();
  while (begin != code_points.end()) {
    begin = std::find_if(begin, code_points.end(), [](auto code_point) {
      return combining_class(code_point) != 0;
    });
    const auto end = std::find_if(begin, code_points.end(), [](auto c) {
      return combining_class(c) == 0;
    });
    std::stable_sort(begin, end, [](auto a, auto b) {
      return combining_class(a) < combining_class(b);
    });
    begin = end;
  }
}

std::string normalise_run(std::string_view run, UnicodeForm form) {
  int options = UTF8PROC_STABLE;
  if (form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd) {
    options |= UTF8PROC_COMPAT;
  }
  const bool compose = form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc;
  options |= compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;

  std::vector<utf8proc_int32_t> code_points;
  code_points.reserve(run.size());
  while (!run.empty()) {
    utf8proc_int32_t parts[kMaxDecomposition];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(utf8_code_point(run)), parts,
        kMaxDecomposition, static_cast<utf8proc_option_t>(options), &boundary);
    assert(count > 0 && count <= kMaxDecomposition);
    code_points.insert(code_points.end(), parts, parts + count);
    run.remove_prefix(utf8_character_length(run));
  }
  order_marks(code_points);
  auto length = static_cast<utf8proc_ssize_t>(code_points.size());
  if (compose) {
    length = utf8proc_normalize_utf32(code_points.data(), length,
                                      static_cast<utf8proc_option_t>(options));
    assert(length >= 0);
  }
  std::string out;
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    append_utf8(static_cast<char32_t>(code_points[static_cast<size_t>(i)]),
                out);
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

utf8proc_category_t category(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

bool is_mark(char32_t code_point) {
  const utf8proc_category_t kind = category(code_point);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_ME;
}

// Calls map(character, code_point, out) for each character.
template <class Map>
std::string map_characters(std::string_view text, Map&& map) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_character_length(text);
    if (length == 0) {
      out += text[0];
    } else {
      map(text.substr(0, length), utf8_code_point(text), out);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

}  // namespace

std::string to_unicode_form(std::string_view text, UnicodeForm form) {
  if (is_ascii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool valid) {
    out += valid ? normalise_run(run, form) : std::string(run);
  });
  return out;
}

std::string to_lower_case(std::string_view text) {
  return map_characters(
      text, [](std::string_view, char32_t code_point, std::string& out) {
        if (code_point == 0x130) {
          out += "i\xCC\x87";
        } else {
          append_utf8(static_cast<char32_t>(utf8proc_tolower(
                          static_cast<utf8proc_int32_t>(code_point))),
                      out);
        }
      });
}

std::string strip_accents(std::string_view text) {
  return map_characters(text, [](std::string_view character,
                                 char32_t code_point, std::string& out) {
    if (!is_mark(code_point)) out += character;
  });
}

bool is_white_space(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 ||
         code_point == 0x85 || code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) ||
         code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F ||
         code_point == 0x205F || code_point == 0x3000;
}

bool is_word_character(char32_t code_point) {
  const utf8proc_category_t kind = category(code_point);
  return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         is_mark(code_point) || kind == UTF8PROC_CATEGORY_ND ||
         kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_PC;
}

bool is_printable(char32_t code_point) {
  const utf8proc_category_t kind = category(code_point);
  return code_point == ' ' ||
         (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_SO);
}

size_t leading_white_space(std::string_view text) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t length = utf8_character_length(text.substr(begin));
    if (length == 0 || !is_white_space(utf8_code_point(text.substr(begin)))) {
      break;
    }
    begin += length;
  }
  return begin;
}

size_t trailing_white_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t begin = last_character(text.substr(0, end));
    const std::string_view last = text.substr(begin, end - begin);
    if (utf8_character_length(last) == 0 ||
        !is_white_space(utf8_code_point(last))) {
      break;
    }
    end = begin;
  }
  return text.size() - end;
}

std::string quoted_text(std::string_view text) {
  constexpr size_t kMostBytes = 80;
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    if (i >= kMostBytes) return out + "...\"";
    const size_t length = utf8_character_length(text.substr(i));
    const std::string_view character = text.substr(i, length);
    if (length == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    } else if (character == "\"" || character == "\\") {
      (out += '\\') += character;
    } else if (is_printable(utf8_code_point(character))) {
      out += character;
    } else {
      out +=
          fmt::format("\\u{{{:x}}}",
                      static_cast<std::uint32_t>(utf8_code_point(character)));
    }
    i += std::max<size_t>(length, 1);
  }
  return out + '"';
}

}  // namespace pilotfish
