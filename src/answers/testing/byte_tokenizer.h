#ifndef PILOTFISH_ANSWERS_TESTING_BYTE_TOKENIZER_H_
#define PILOTFISH_ANSWERS_TESTING_BYTE_TOKENIZER_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "constraint/vocabulary.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::test {

// A token for each byte, 0 to 255, and then special tokens with these texts.
class ByteTokenizer final : public Tokenizer {
 public:
  explicit ByteTokenizer(std::vector<std::string> specials) {
    for (int byte = 0; byte < 256; ++byte) {
      texts_.emplace_back(1, static_cast<char>(byte));
    }
    for (std::string& special : specials) texts_.push_back(std::move(special));
  }

  std::vector<Token> encode(std::string_view text,
                            const EncodeOptions&) const override {
    std::vector<Token> tokens;
    while (!text.empty()) {
      tokens.push_back(static_cast<unsigned char>(text.front()));
      std::size_t length = 1;
      for (std::size_t i = 256; i < texts_.size(); ++i) {
        if (!text.starts_with(texts_[i])) continue;
        tokens.back() = static_cast<Token>(i);
        length = texts_[i].size();
      }
      text.remove_prefix(length);
    }
    return tokens;
  }
  std::string decode(std::span<const Token> tokens,
                     bool skip_special) const override {
    std::string text;
    for (const Token token : tokens) {
      if (!is_special(token) || !skip_special) text += token_text(token);
    }
    return text;
  }
  size_t vocab_size() const override { return texts_.size(); }
  std::string_view token_text(Token token) const override {
    return texts_.at(static_cast<std::size_t>(token));
  }
  std::optional<Token> find(std::string_view text) const override {
    const auto found = std::ranges::find(texts_, text);
    if (found == texts_.end()) return std::nullopt;
    return static_cast<Token>(found - texts_.begin());
  }
  bool is_special(Token token) const override { return token >= 256; }
  std::optional<Token> bos() const override { return std::nullopt; }
  std::optional<Token> eos() const override { return std::nullopt; }
  const std::string& chat_template() const override { return none_; }

 private:
  std::vector<std::string> texts_;
  std::string none_;
};

// The bytes of its tokens; special ones have none.
inline std::shared_ptr<const ConstraintVocabulary> vocabulary_of(
    const ByteTokenizer& tokenizer) {
  std::vector<std::string> bytes;
  for (std::size_t i = 0; i < tokenizer.vocab_size(); ++i) {
    const auto token = static_cast<Token>(i);
    bytes.emplace_back(tokenizer.is_special(token)
                           ? std::string_view()
                           : tokenizer.token_text(token));
  }
  return std::make_shared<const ConstraintVocabulary>(bytes);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_ANSWERS_TESTING_BYTE_TOKENIZER_H_
