#include "text/token_model.h"

#include <fmt/core.h>

#include <charconv>

namespace pilotfish {

bool has_inner_blank(std::string_view text) {
  for (size_t at = text.find(kBlank); at != std::string_view::npos;
       at = text.find(kBlank, at + kBlank.size())) {
    if (at > 0 && !text.substr(0, at).ends_with(kBlank)) return true;
  }
  return false;
}

std::array<Token, 256> byte_tokens(const Vocabulary& vocabulary) {
  std::array<Token, 256> tokens;
  for (size_t byte = 0; byte < tokens.size(); ++byte) {
    tokens[byte] =
        vocabulary.find(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
  return tokens;
}

int byte_of_token_text(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || !text.ends_with('>')) {
    return -1;
  }
  int byte = 0;
  const char* const end = text.data() + 5;
  const auto [stop, error] = std::from_chars(text.data() + 3, end, byte, 16);
  return error == std::errc() && stop == end && byte >= 0 ? byte : -1;
}

}  // namespace pilotfish
