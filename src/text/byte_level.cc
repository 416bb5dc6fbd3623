#include "text/byte_level.h"

#include <array>

#include "text/utf8.h"

namespace pilotfish {
namespace {

struct Table {
  std::array<std::string, 256> characters;  // by byte
  std::array<int, 0x144> bytes;             // by code point, -1 for none
};

// Printable Latin-1 characters stand for themselves; the other 68 bytes, in
// order, for U+0100 and on.
Table make_table() {
  Table table;
  table.bytes.fill(-1);
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) ||
                           (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const char32_t code_point = printable ? byte : next++;
    append_utf8(code_point, table.characters[byte]);
    table.bytes[code_point] = static_cast<int>(byte);
  }
  return table;
}

const Table& table() {
  static const Table table = make_table();
  return table;
}

}  // namespace

std::string_view byte_level_character(unsigned char byte) {
  return table().characters[byte];
}

void append_byte_level(std::string_view bytes, std::string& out) {
  const Table& spelling = table();
  for (const char byte : bytes) {
    out += spelling.characters[static_cast<unsigned char>(byte)];
  }
}

std::optional<std::string> byte_level_bytes(std::string_view text) {
  const Table& spelling = table();
  std::string bytes;
  while (!text.empty()) {
    const size_t length = utf8_character_length(text);
    if (length == 0 || length > 2) return std::nullopt;
    const char32_t code_point = utf8_code_point(text);
    if (code_point >= spelling.bytes.size() || spelling.bytes[code_point] < 0) {
      return std::nullopt;
    }
    bytes += static_cast<char>(spelling.bytes[code_point]);
    text.remove_prefix(length);
  }
  return bytes;
}

}  // namespace pilotfish
