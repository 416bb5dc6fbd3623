#include "formats/in_quotes.h"

#include <fmt/format.h>

namespace pilotfish {

std::string in_quotes(std::string_view name) {
  constexpr size_t kMost = 100;
  std::string text = "\"";
  for (const char c : name.substr(0, kMost)) {
    if (c == '"' || c == '\\') text += '\\';
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  text += name.size() > kMost ? "...\"" : "\"";
  return text;
}

}  // namespace pilotfish
