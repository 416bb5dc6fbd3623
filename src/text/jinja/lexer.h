#ifndef PILOTFISH_TEXT_JINJA_LEXER_H_
#define PILOTFISH_TEXT_JINJA_LEXER_H_

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/position.h"

namespace pilotfish::jinja {

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

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_LEXER_H_
