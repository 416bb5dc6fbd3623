#ifndef PILOTFISH_TEXT_BYTE_LEVEL_H_
#define PILOTFISH_TEXT_BYTE_LEVEL_H_

#include <optional>
#include <string>
#include <string_view>

namespace pilotfish {

// GPT-2's spelling of bytes as printable characters, by which byte-level BPE
// vocabularies are written: "Ġ" is the space, "Ċ" the line feed.

// The character that stands for a byte, as UTF-8 (1 or 2 bytes).
std::string_view byte_level_character(unsigned char byte);

// Appends the spelling of `bytes`.
void append_byte_level(std::string_view bytes, std::string& out);

// The bytes `text` spells; nothing where a character of it stands for no byte.
std::optional<std::string> byte_level_bytes(std::string_view text);

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_BYTE_LEVEL_H_
