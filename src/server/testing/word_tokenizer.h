#ifndef PILOTFISH_SERVER_TESTING_WORD_TOKENIZER_H_
#define PILOTFISH_SERVER_TESTING_WORD_TOKENIZER_H_

#include <string>
#include <utility>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish::server::testing {

// Tokens that are these words. A text's tokens are all `<s>`, which is 0; 1
// ends a text.
class WordTokenizer final : public Tokenizer {
 public:
  explicit WordTokenizer(std::vector<std::string> words)
      : words_(std::move(words)) {}

  std::vector<Token> encode(std::string_view,
                            const EncodeOptions&) const override {
    return {0};
  }
  std::string decode(std::span<const Token> tokens, bool) const override {
    std::string text;
    for (const Token token : tokens) text += token_text(token);
    return text;
  }
  size_t vocab_size() const override { return words_.size(); }
  std::string_view token_text(Token token) const override {
    return token < 2 ? std::string_view()
                     : words_.at(static_cast<size_t>(token));
  }
  std::optional<Token> find(std::string_view) const override { return {}; }
  bool is_special(Token token) const override { return token < 2; }
  std::optional<Token> bos() const override { return 0; }
  std::optional<Token> eos() const override { return 1; }
  const std::string& chat_template() const override { return none_; }

 private:
  std::vector<std::string> words_;
  std::string none_;
};

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_WORD_TOKENIZER_H_
