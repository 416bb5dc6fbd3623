#ifndef PILOTFISH_TEXT_JINJA_TOKEN_STREAM_H_
#define PILOTFISH_TEXT_JINJA_TOKEN_STREAM_H_

#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/lexer.h"

namespace pilotfish::jinja {

// A template's tokens with a reading position.
class TokenStream {
 public:
  // Requires: the last token is kEnd.
  explicit TokenStream(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  // Stays at kEnd.
  const Token& next() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }

  bool at(TokenKind kind) const { return current().kind == kind; }
  bool at(TokenKind kind, std::string_view text) const {
    return at(kind) && current().text == text;
  }
  bool at_operator(std::string_view text) const {
    return at(TokenKind::kOperator, text);
  }
  bool at_name(std::string_view text) const {
    return at(TokenKind::kName, text);
  }
  bool skip_operator(std::string_view text) {
    const bool found = at_operator(text);
    if (found) next();
    return found;
  }
  bool skip_name(std::string_view text) {
    const bool found = at_name(text);
    if (found) next();
    return found;
  }
  // These fail, naming what was expected, where something else stands.
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);
  const Token& expect(TokenKind kind, std::string_view what);
  [[noreturn]] void fail_here(std::string_view expected) const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_TOKEN_STREAM_H_
