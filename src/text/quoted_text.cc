#include "text/quoted_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

constexpr size_t kMostBytes = 80;

}  // namespace

std::string quoted_text(std::string_view text) {
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
