#ifndef PILOTFISH_ENGINE_TESTING_PIECE_TOKENIZER_H_
#define PILOTFISH_ENGINE_TESTING_PIECE_TOKENIZER_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish::testing {

// A tokenizer with a list of pieces, of which encode takes the longest that
// fits. Pieces in angle brackets are special. Id 1 is BOS and id 2 EOS. With
// `puts_blank` it is like SentencePiece's: encode puts a blank in front of a
// text, and decode drops one.
class PieceTokenizer final : public Tokenizer {
 public:
  PieceTokenizer(std::vector<std::string> pieces, bool puts_blank)
      : pieces_(std::move(pieces)), puts_blank_(puts_blank) {}

  std::vector<Token> encode(std::string_view text,
                            const EncodeOptions& options) const override {
    std::vector<Token> tokens;
    if (options.add_special) tokens.push_back(1);
    const std::string whole = (puts_blank_ ? " " : "") + std::string(text);
    for (std::size_t at = 0; at < whole.size();) {
      const Token token = longest_at(std::string_view(whole).substr(at));
      tokens.push_back(token);
      at += std::max<std::size_t>(1, token_text(token).size());
    }
    return tokens;
  }
  std::string decode(std::span<const Token> tokens, bool) const override {
    std::string text;
    for (const Token token : tokens) {
      if (!is_special(token)) text += token_text(token);
    }
    return puts_blank_ && text.starts_with(' ') ? text.substr(1) : text;
  }
  std::size_t vocab_size() const override { return pieces_.size(); }
  std::string_view token_text(Token token) const override {
    const auto index = static_cast<std::size_t>(token);
    return index < pieces_.size() ? pieces_[index] : std::string_view();
  }
  std::optional<Token> find(std::string_view text) const override {
    const auto found = std::ranges::find(pieces_, text);
    if (found == pieces_.end()) return {};
    return static_cast<Token>(found - pieces_.begin());
  }
  bool is_special(Token token) const override {
    const std::string_view text = token_text(token);
    return text.size() > 1 && text.front() == '<' && text.back() == '>';
  }
  std::optional<Token> bos() const override { return 1; }
  std::optional<Token> eos() const override { return 2; }
  const std::string& chat_template() const override { return template_; }

 private:
  // Id 0 where no piece fits.
  Token longest_at(std::string_view text) const {
    Token best = 0;
    std::size_t longest = 0;
    for (std::size_t id = 0; id < pieces_.size(); ++id) {
      const auto token = static_cast<Token>(id);
      if (is_special(token) || pieces_[id].size() <= longest) continue;
      if (!text.starts_with(pieces_[id])) continue;
      best = token;
      longest = pieces_[id].size();
    }
    return best;
  }

  std::vector<std::string> pieces_;
  bool puts_blank_;
  std::string template_;
};

}  // namespace pilotfish::testing

#endif  // PILOTFISH_ENGINE_TESTING_PIECE_TOKENIZER_H_
