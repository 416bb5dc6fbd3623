#include "constraint/gbnf_text.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

std::string by_number(char32_t c) {
  const auto value = static_cast<std::uint32_t>(c);
  if (value < 0x80) return fmt::format("\\x{:02X}", value);
  if (value < 0x10000) return fmt::format("\\u{:04X}", value);
  return fmt::format("\\U{:08X}", value);
}

// A character as itself where a reader sees it, else as an escape.
void append_character(char32_t c, std::string_view escaped, std::string& out) {
  if (c == U'\n') {
    out += "\\n";
  } else if (c == U'\r') {
    out += "\\r";
  } else if (c == U'\t') {
    out += "\\t";
  } else if (c < 0x80 &&
             escaped.find(static_cast<char>(c)) != std::string_view::npos) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (is_printable(c)) {
    append_utf8(c, out);
  } else {
    out += by_number(c);
  }
}

// The ends of ranges beyond ASCII are numbers rather than letters to a reader.
void append_range(const CodePointRange& range, std::string& out) {
  const auto append = [&](char32_t c) {
    const bool is_end = range.last - range.first > 1;
    if (c == U'-' || c == U'^' || (is_end && c >= 0x80)) {
      out += by_number(c);
    } else {
      append_character(c, "\\]", out);
    }
  };
  append(range.first);
  if (range.last == range.first) return;
  if (range.last > range.first + 1) out += '-';
  append(range.last);
}

}  // namespace

std::string gbnf_literal(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    append_character(utf8_code_point(text), "\\\"", out);
    text.remove_prefix(utf8_character_length(text));
  }
  return out + '"';
}

std::string gbnf_class(const CodePointSet& set) {
  if (set.empty()) return "[^\\x00-\\U0010FFFF]";
  const CodePointSet rest = set.negated();
  if (rest.empty()) return ".";
  const bool negated = set.contains(kLastCodePoint);
  std::string out = negated ? "[^" : "[";
  bool has_minus = false;
  for (const CodePointRange& range : (negated ? rest : set).ranges()) {
    const bool is_minus = range == CodePointRange{'-', '-'};
    has_minus = has_minus || is_minus;
    if (!is_minus) append_range(range, out);
  }
  // A '-' stands for itself where it comes last.
  return out + (has_minus ? "-]" : "]");
}

}  // namespace pilotfish
