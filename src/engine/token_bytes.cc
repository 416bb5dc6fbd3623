#include "engine/token_bytes.h"

#include <array>

namespace pilotfish {
namespace {

// A token with a text, to stand in front of others; -1: there is none.
Token find_ordinary(const Tokenizer& tokenizer) {
  for (size_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const auto token = static_cast<Token>(id);
    if (tokenizer.is_special(token)) continue;
    if (!tokenizer.decode({&token, 1}).empty()) return token;
  }
  return -1;
}

}  // namespace

std::vector<std::string> token_bytes(const Tokenizer& tokenizer) {
  std::vector<std::string> bytes(tokenizer.vocab_size());
  const Token ordinary = find_ordinary(tokenizer);
  if (ordinary < 0) return bytes;
  const std::string before = tokenizer.decode({&ordinary, 1});
  for (size_t id = 0; id < bytes.size(); ++id) {
    const std::array both = {ordinary, static_cast<Token>(id)};
    if (tokenizer.is_special(both[1])) continue;
    std::string text = tokenizer.decode(both);
    if (text.starts_with(before)) bytes[id] = text.substr(before.size());
  }
  return bytes;
}

}  // namespace pilotfish
