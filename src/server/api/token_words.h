#ifndef PILOTFISH_SERVER_API_TOKEN_WORDS_H_
#define PILOTFISH_SERVER_API_TOKEN_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "pilotfish/tokenizer.h"

namespace pilotfish::server {

// The bytes that a token stands for inside a text, special ones included:
// perhaps a part of a character.
std::string token_bytes(const Tokenizer& tokenizer, Token token);

// Bytes as text: U+FFFD stands for what is not UTF-8.
std::string valid_text(std::string_view bytes);

// Characters (code points) of UTF-8.
std::int64_t count_characters(std::string_view text);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_TOKEN_WORDS_H_
