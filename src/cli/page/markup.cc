#include "cli/page/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace pilotfish::cli {
namespace {

// With U+FFFD for what is not UTF-8.
std::string valid_utf8(std::string_view bytes) {
  const auto is_ascii = [](char c) { return (c & 0x80) == 0; };
  if (std::ranges::all_of(bytes, is_ascii)) return std::string(bytes);
  using Json = nlohmann::json;
  const Json any = std::string(bytes);
  return Json::parse(any.dump(-1, ' ', false, Json::error_handler_t::replace))
      .get<std::string>();
}

// Requires valid UTF-8.
size_t length_of(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

char32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first;
  char32_t code = first & (0x7Fu >> character.size());
  for (const char c : character.substr(1)) code = code << 6 | (c & 0x3F);
  return code;
}

// Controls of the direction of text (Unicode, annex 9).
bool turns_text(char32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F ||
         (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

// What HTML does not allow in text, line breaks apart.
bool is_control(char32_t code) {
  return (code >= 0x7F && code <= 0x9F) || (code >= 0xFDD0 && code <= 0xFDEF) ||
         (code & 0xFFFE) == 0xFFFE;
}

std::string spelled(std::string_view character) {
  const char32_t code = code_point(character);
  switch (code) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\n':
    case '\t':
      return std::string(character);
    default:
      break;
  }
  if (code < 0x20) {  // U+2400 to U+241F are pictures of U+0000 to U+001F
    return std::string("\xE2\x90") + static_cast<char>(0x80 + code);
  }
  if (!turns_text(code) && !is_control(code)) return std::string(character);
  return fmt::format("‹U+{:04X}›", static_cast<std::uint32_t>(code));
}

std::string escaped(std::string_view bytes) {
  const std::string valid = valid_utf8(bytes);
  std::string out;
  for (size_t i = 0; i < valid.size();) {
    const size_t length = length_of(static_cast<unsigned char>(valid[i]));
    out += spelled(std::string_view(valid).substr(i, length));
    i += length;
  }
  return out;
}

bool is_void(std::string_view name) {
  constexpr std::array<std::string_view, 4> kVoid = {"br", "col", "meta",
                                                     "wbr"};
  return std::ranges::find(kVoid, name) != kVoid.end();
}

}  // namespace

Markup text(std::string_view bytes) { return Markup(escaped(bytes)); }

Markup trusted(std::string_view source) { return Markup(std::string(source)); }

Markup element(std::string_view name, const Attributes& attributes,
               const Markup& content) {
  std::string source = fmt::format("<{}", name);
  for (const Attribute& attribute : attributes) {
    source +=
        fmt::format(" {}=\"{}\"", attribute.name, escaped(attribute.value));
  }
  source += '>';
  if (!is_void(name)) source += fmt::format("{}</{}>", content.source(), name);
  return Markup(std::move(source));
}

Markup element(std::string_view name, const Attributes& attributes,
               std::string_view content) {
  return element(name, attributes, text(content));
}

}  // namespace pilotfish::cli
