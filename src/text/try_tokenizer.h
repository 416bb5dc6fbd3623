#ifndef PILOTFISH_TEXT_TRY_TOKENIZER_H_
#define PILOTFISH_TEXT_TRY_TOKENIZER_H_

#include <cstdlib>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "pilotfish/tokenizer.h"
#include "text/tokenizer_formats.h"
#include "text/utf8.h"

// What fuzzers do with a description of a tokenizer that nobody vouches for;
// the unit tests replay the cases they keep. Each may throw Error, and aborts
// where a tokenizer that was accepted breaks its contract.
namespace pilotfish {

inline void try_tokenizer(const Tokenizer& tokenizer) {
  static constexpr std::string_view kTexts[] = {
      "Hello, world! It's 2024.\n\n  a b\tcd",
      "\u2581\u2581na\u00EFve caf\u00E9 \u65E5\u672C <s>\U0001F642</s> e\u0301",
      "\xFF\xC3 \x80 aaaaaaaaaaaaaaaaaaaaaaaa <0x0A> |||||||||||||||||| !",
  };
  const auto check = [](bool holds) {
    if (!holds) std::abort();
  };
  for (const std::string_view text : kTexts) {
    for (const bool special : {true, false}) {
      const std::vector<Token> tokens = tokenizer.encode(
          text, {.add_special = special, .parse_special = special});
      TextStream stream(tokenizer);
      for (const Token token : tokens) {
        check(token >= 0 &&
              static_cast<size_t>(token) < tokenizer.vocab_size());
        check(is_valid_utf8(stream.push(token)));
      }
      check(is_valid_utf8(stream.finish()));
      tokenizer.decode(tokens, special);
    }
  }
  for (const auto& end : {tokenizer.bos(), tokenizer.eos()}) {
    check(!end || tokenizer.is_special(*end));
  }
}

inline void try_tokenizer_json(std::string_view bytes) {
  try_tokenizer(*tokenizer_from_json(bytes, {}, "input"));
}

inline void try_tokenizer_model(std::string_view bytes) {
  try_tokenizer(*tokenizer_from_sentencepiece(bytes, {}, "input"));
}

inline void try_tokenizer_gguf(std::string_view bytes) {
  const GgufFile file = parse_gguf(MappedFile::from_memory(
      std::as_bytes(std::span(bytes.data(), bytes.size())), "input"));
  try_tokenizer(*tokenizer_from_gguf(file.metadata));
}

}  // namespace pilotfish

#endif  // PILOTFISH_TEXT_TRY_TOKENIZER_H_
