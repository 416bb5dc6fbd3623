#include "text/jinja/token_stream.h"

#include <fmt/format.h>

namespace pilotfish::jinja {

void TokenStream::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail_here(fmt::format("'{}'", text));
}

void TokenStream::expect_name(std::string_view text) {
  if (!skip_name(text)) fail_here(fmt::format("'{}'", text));
}

const Token& TokenStream::expect(TokenKind kind, std::string_view what) {
  if (!at(kind)) fail_here(what);
  return next();
}

void TokenStream::fail_here(std::string_view expected) const {
  const Token& token = current();
  const std::string found =
      token.kind == TokenKind::kEnd    ? "the end of the template"
      : token.kind == TokenKind::kData ? "text"
                                       : fmt::format("'{}'", token.text);
  fail_at(token.position,
          fmt::format("unexpected {}, expected {}", found, expected));
}

}  // namespace pilotfish::jinja
