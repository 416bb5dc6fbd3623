#ifndef PILOTFISH_ENGINE_TESTING_TOY_TOKENIZER_H_
#define PILOTFISH_ENGINE_TESTING_TOY_TOKENIZER_H_

#include <array>
#include <string>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish::testing {

// Ids 0 to 2 are special; every other id stands for one or two bytes, some of
// them halves of a character, so that texts of random tokens meet all that a
// stream of real ones does.
class ToyTokenizer final : public Tokenizer {
 public:
  explicit ToyTokenizer(size_t vocab_size) {
    constexpr std::array<std::string_view, 8> kPieces = {
        "a", "b", "ab", "ba", " ", "\xC3", "\xA9", "é"};
    for (size_t i = 0; i < vocab_size; ++i) {
      pieces_.emplace_back(i < 3 ? "" : kPieces[i % kPieces.size()]);
    }
  }

  std::vector<Token> encode(std::string_view,
                            const EncodeOptions&) const override {
    return {1};
  }
  std::string decode(std::span<const Token> tokens, bool) const override {
    std::string text;
    for (const Token token : tokens) text += token_text(token);
    return text;
  }
  size_t vocab_size() const override { return pieces_.size(); }
  std::string_view token_text(Token token) const override {
    const auto index = static_cast<size_t>(token);
    return index < pieces_.size() ? pieces_[index] : std::string_view();
  }
  std::optional<Token> find(std::string_view) const override { return {}; }
  bool is_special(Token token) const override { return token < 3; }
  std::optional<Token> bos() const override { return 1; }
  std::optional<Token> eos() const override { return 2; }
  const std::string& chat_template() const override { return template_; }

 private:
  std::vector<std::string> pieces_;
  std::string template_;
};

}  // namespace pilotfish::testing

#endif  // PILOTFISH_ENGINE_TESTING_TOY_TOKENIZER_H_
