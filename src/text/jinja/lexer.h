#ifndef PILOTFISH_TEXT_JINJA_LEXER_H_
#define PILOTFISH_TEXT_JINJA_LEXER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// From a template's source to its tokens, and the places that errors name.
namespace pilotfish::jinja {

// A place in a template's source; both count from one, columns in characters.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

// Throws Error("chat template, line 3, column 7: " + what), kept to one line of
// bounded length whatever `what` quotes.
[[noreturn]] void fail_at(Position position, const std::string& what);

enum class TokenKind {
  kData,           // text between tags, white-space control already applied
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,   // `text` is the value, escapes decoded
  kInteger,  // `text` is the digits as written, "_" left out
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  Position position;
};

// Splits a template as Jinja does with trim_blocks and lstrip_blocks on and
// keep_trailing_newline off; comments and raw blocks are resolved here. The
// last token is kEnd. Throws Error with the place of what is malformed.
std::vector<Token> tokenize(std::string_view source);

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

#endif  // PILOTFISH_TEXT_JINJA_LEXER_H_
