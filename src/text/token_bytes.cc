#include "text/token_bytes.h"

#include <array>

namespace pilotfish {
namespace {

// A token that stands before others, as some decoders treat the first one
// differently.
Token some_token(const Tokenizer& tokenizer) {
  for (const char* text : {"a", "A", "0", "."}) {
    const std::vector<Token> tokens =
        tokenizer.encode(text, {.add_special = false, .parse_special = false});
    if (!tokens.empty()) return tokens.back();
  }
  return 0;
}

}  // namespace

std::vector<std::string> token_bytes(const Tokenizer& tokenizer) {
  const Token before = some_token(tokenizer);
  const size_t start = tokenizer.decode({&before, 1}).size();
  std::vector<std::string> bytes(tokenizer.vocab_size());
  for (size_t id = 0; id < bytes.size(); ++id) {
    const auto token = static_cast<Token>(id);
    if (tokenizer.is_special(token) || tokenizer.token_text(token).empty()) {
      continue;
    }
    const std::array<Token, 2> pair = {before, token};
    bytes[id] = tokenizer.decode(pair).substr(start);
  }
  return bytes;
}

}  // namespace pilotfish
