#include "text/jinja/lexer.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <optional>

#include "pilotfish/error.h"
#include "text/jinja/characters.h"
#include "text/jinja/limits.h"

namespace pilotfish::jinja {
namespace {

constexpr size_t kMaxMessage = 500;

// Templates quote what they like in raise_exception: line breaks and the rest
// of the control characters must not break the one-line promise of Error.
std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text.substr(0, kMaxMessage)) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  if (text.size() > kMaxMessage) line += "...";
  return line;
}

// The single characters that follow a backslash, and what each stands for.
constexpr std::string_view kLetters = "\\'\"abfnrtv";
constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";

class StringDecoder {
 public:
  StringDecoder(std::string_view body, Position position)
      : body_(body), position_(position) {}

  std::string run() {
    while (at_ < body_.size()) {
      const char c = body_[at_++];
      if (c == '\\') {
        escape();
      } else {
        out_ += c;
      }
    }
    return std::move(out_);
  }

 private:
  // Requires: at_ is just behind the backslash; the lexer sees to it that a
  // character follows.
  void escape() {
    const char c = body_[at_++];
    if (const size_t i = kLetters.find(c); i != std::string_view::npos) {
      out_ += kMeanings[i];
    } else if (c == '\n') {
      // An escaped line end joins the lines.
    } else if (c == 'x' || c == 'u' || c == 'U') {
      code_point(c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
    } else if (c >= '0' && c <= '7') {
      --at_;
      const size_t end = body_.substr(at_, 3).find_first_not_of("01234567");
      code_point(std::min(end, body_.substr(at_, 3).size()), 8);
    } else if (c == 'N') {
      fail_at(position_, "the escape '\\N{...}' is not supported");
    } else {
      out_ += '\\';
      out_ += c;
    }
  }

  void code_point(size_t digits, int base) {
    const std::string_view text = body_.substr(at_, digits);
    uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), code, base);
    if (text.size() < digits || error != std::errc() ||
        end != text.data() + text.size()) {
      fail_at(position_, fmt::format("malformed escape before '{}': expected "
                                     "{} digits",
                                     text, digits));
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      fail_at(position_, fmt::format("escape of U+{:04X}, which is not a "
                                     "character",
                                     code));
    }
    append_character(out_, code);
    at_ += digits;
  }

  std::string_view body_;
  Position position_;
  size_t at_ = 0;
  std::string out_;
};

// The value of a string literal whose text between the quotes is `body`, with
// Python's escapes. `position` is the literal's, for errors.
std::string decode_string_literal(std::string_view body, Position position) {
  return StringDecoder(body, position).run();
}

// Every line end becomes "\n", and one at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name_byte(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source)
      : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) lex_data();
    push(TokenKind::kEnd, "end of template", at_);
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const {
    return std::string_view(source_).substr(at_);
  }
  bool starts_with(std::string_view text) const {
    return rest().starts_with(text);
  }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  // Offsets are asked for in rising order, so that all positions together cost
  // one pass over the source.
  Position position(size_t offset) {
    while (counted_ < offset) {
      const size_t bytes = character_at(source_, counted_).bytes;
      const bool newline = source_[counted_] == '\n';
      position_.line += newline ? 1 : 0;
      position_.column = newline ? 1 : position_.column + 1;
      counted_ += bytes;
    }
    return position_;
  }
  [[noreturn]] void fail(size_t offset, const std::string& what) {
    fail_at(position(offset), what);
  }
  void push(TokenKind kind, std::string text, size_t offset) {
    tokens_.push_back({kind, std::move(text), position(offset)});
  }

  void skip_spaces() {
    while (at_ < source_.size()) {
      const Character c = character_at(source_, at_);
      if (!is_space(c.code)) return;
      at_ += c.bytes;
    }
  }

  // The next "{{", "{%" or "{#", or the end.
  size_t find_tag() const {
    for (size_t i = at_; i + 1 < source_.size(); ++i) {
      const char next = source_[i + 1];
      if (source_[i] == '{' && (next == '{' || next == '%' || next == '#')) {
        return i;
      }
    }
    return source_.size();
  }

  // The text from here to the tag at `end`, as the tag's sign and
  // lstrip_blocks leave it.
  void push_data(size_t end, char sign, bool lstrip) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = strip(text, Side::kRight);
    } else if (sign != '+' && lstrip) {
      const size_t newline = text.rfind('\n');
      const bool line_starts = at_ == 0 || source_[at_ - 1] == '\n';
      if (newline != std::string_view::npos || line_starts) {
        const size_t line = newline == std::string_view::npos ? 0 : newline + 1;
        if (strip(text.substr(line), Side::kLeft).empty()) {
          text = text.substr(0, line);
        }
      }
    }
    if (!text.empty()) push(TokenKind::kData, std::string(text), at_);
  }

  char sign_at(size_t offset) const {
    const char c = offset < source_.size() ? source_[offset] : '\0';
    return c == '-' || c == '+' ? c : '\0';
  }

  void lex_data() {
    const size_t tag = find_tag();
    if (tag == source_.size()) {
      push(TokenKind::kData, std::string(rest()), at_);
      at_ = tag;
      return;
    }
    const char sign = sign_at(tag + 2);
    const char type = source_[tag + 1];
    push_data(tag, sign, type != '{');
    at_ = tag + 2 + (sign == '\0' ? 0 : 1);
    if (type == '#') {
      lex_comment(tag);
    } else if (type == '{') {
      push(TokenKind::kVariableBegin, "{{", tag);
      lex_tag(TokenKind::kVariableEnd);
    } else if (const auto inside = raw_begin()) {
      at_ = *inside;
      lex_raw(tag);
    } else {
      push(TokenKind::kBlockBegin, "{%", tag);
      lex_tag(TokenKind::kBlockEnd);
    }
  }

  // "-%}" eats white space after it, "%}" a line break (trim_blocks), "+%}"
  // nothing. `close` is "%}" or "#}".
  bool skip_close(std::string_view close) {
    const char sign = sign_at(at_);
    if (!rest().substr(sign == '\0' ? 0 : 1).starts_with(close)) return false;
    at_ += close.size() + (sign == '\0' ? 0 : 1);
    if (sign == '-') skip_spaces();
    if (sign == '\0' && peek() == '\n') ++at_;
    return true;
  }

  void lex_comment(size_t tag) {
    const size_t end = find_text(source_, "#}", at_);
    if (end == std::string_view::npos) {
      fail(tag, "this comment has no end '#}'");
    }
    // A sign belongs to the end only where it is inside the comment.
    const bool has_sign = end > at_ && sign_at(end - 1) != '\0';
    at_ = has_sign ? end - 1 : end;
    skip_close("#}");
  }

  // Where a raw block's text starts, for a tag that says "raw" after `at_`.
  std::optional<size_t> raw_begin() {
    const size_t saved = at_;
    std::optional<size_t> inside;
    skip_spaces();
    if (starts_with("raw")) {
      at_ += 3;
      skip_spaces();
      if (starts_with("-%}")) {
        at_ += 3;
        skip_spaces();
        inside = at_;
      } else if (starts_with("%}")) {
        inside = at_ + 2;
      }
    }
    at_ = saved;
    return inside;
  }

  void lex_raw(size_t tag) {
    const size_t begin = at_;
    for (size_t end = begin;; ++end) {
      end = find_text(source_, "{%", end);
      if (end == std::string_view::npos) {
        fail(tag, "this raw block has no '{% endraw %}'");
      }
      const char sign = sign_at(end + 2);
      at_ = end + 2 + (sign == '\0' ? 0 : 1);
      skip_spaces();
      if (!starts_with("endraw")) continue;
      at_ += 6;
      skip_spaces();
      if (!skip_close("%}")) continue;
      const size_t after = at_;
      at_ = begin;
      push_data(end, sign, true);
      at_ = after;
      return;
    }
  }

  bool lex_tag_end(TokenKind end) {
    const size_t start = at_;
    if (end == TokenKind::kBlockEnd) {
      if (!skip_close("%}")) return false;
      push(end, "%}", start);
      return true;
    }
    if (starts_with("-}}")) {
      at_ += 3;
      skip_spaces();
    } else if (starts_with("}}")) {
      at_ += 2;
    } else {
      return false;
    }
    push(end, "}}", start);
    return true;
  }

  void lex_tag(TokenKind end) {
    const Position begin = tokens_.back().position;
    open_.clear();
    for (;;) {
      skip_spaces();
      if (at_ >= source_.size()) {
        fail_at(begin, end == TokenKind::kBlockEnd
                           ? "this tag has no end '%}'"
                           : "this tag has no end '}}'");
      }
      if (open_.empty() && lex_tag_end(end)) return;
      lex_token();
    }
  }

  void lex_token() {
    const char c = peek();
    if (is_ascii_digit(c)) return lex_number();
    if (is_name_byte(c)) {
      const size_t start = at_;
      while (is_name_byte(peek())) ++at_;
      return push(TokenKind::kName, source_.substr(start, at_ - start), start);
    }
    if (c == '\'' || c == '"') return lex_string(c);
    lex_operator();
  }

  void lex_string(char quote) {
    const size_t start = at_++;
    while (at_ < source_.size() && source_[at_] != quote) {
      at_ += source_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= source_.size()) fail(start, "this string has no end");
    const std::string_view body =
        std::string_view(source_).substr(start + 1, at_ - start - 1);
    ++at_;
    push(TokenKind::kString, decode_string_literal(body, position(start)),
         start);
  }

  // Digits with single underscores between them, appended to `digits`.
  bool lex_digits(std::string& digits, std::string_view allowed) {
    const auto is_one = [&](char c) {
      return c != '\0' && allowed.find(c) != std::string_view::npos;
    };
    if (!is_one(peek())) return false;
    while (is_one(peek()) || (peek() == '_' && is_one(peek(1)))) {
      if (peek() != '_') digits += peek();
      ++at_;
    }
    return true;
  }

  void lex_number() {
    constexpr std::string_view kDecimal = "0123456789";
    const size_t start = at_;
    std::string text;
    const char second = static_cast<char>(peek(1) | 0x20);
    if (peek() == '0' && (second == 'x' || second == 'o' || second == 'b')) {
      text = {'0', second};
      at_ += 2;
      if (peek() == '_') ++at_;
      const std::string_view allowed = second == 'x' ? "0123456789abcdefABCDEF"
                                       : second == 'o' ? "01234567"
                                                       : "01";
      if (!lex_digits(text, allowed)) fail(start, "malformed number");
      return push(TokenKind::kInteger, text, start);
    }
    lex_digits(text, kDecimal);
    bool is_float = false;
    // In "rows.0.1" both numbers are subscripts.
    const bool after_dot = start > 0 && source_[start - 1] == '.';
    if (!after_dot && peek() == '.' && is_ascii_digit(peek(1))) {
      text += '.';
      ++at_;
      lex_digits(text, kDecimal);
      is_float = true;
    }
    is_float = (!after_dot && lex_exponent(text)) || is_float;
    if (!is_float && text.size() > 1 && text[0] == '0' &&
        text.find_first_not_of('0') != std::string::npos) {
      fail(start, "a number cannot start with '0'");
    }
    push(is_float ? TokenKind::kFloat : TokenKind::kInteger, text, start);
  }

  bool lex_exponent(std::string& text) {
    if (peek() != 'e' && peek() != 'E') return false;
    const bool has_sign = peek(1) == '+' || peek(1) == '-';
    if (!is_ascii_digit(peek(has_sign ? 2 : 1))) return false;
    text += 'e';
    if (has_sign) text += peek(1);
    at_ += has_sign ? 2 : 1;
    lex_digits(text, "0123456789");
    return true;
  }

  void lex_operator() {
    static constexpr std::array<std::string_view, 25> kOperators = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};
    for (const std::string_view op : kOperators) {
      if (!starts_with(op)) continue;
      balance(op[0]);
      push(TokenKind::kOperator, std::string(op), at_);
      at_ += op.size();
      return;
    }
    fail(at_, fmt::format("unexpected character '{}'",
                          rest().substr(0, character_at(source_, at_).bytes)));
  }

  // Brackets are matched here because "}}" inside a dictionary is no tag's end.
  void balance(char c) {
    if (c == '(' || c == '[' || c == '{') {
      open_ += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open_.empty()) fail(at_, fmt::format("unexpected '{}'", c));
      if (open_.back() != c) {
        fail(at_,
             fmt::format("unexpected '{}', expected '{}'", c, open_.back()));
      }
      open_.pop_back();
    }
  }

  const std::string source_;
  size_t at_ = 0;
  std::string open_;  // the closing brackets this tag still owes
  size_t counted_ = 0;
  Position position_;  // of byte `counted_`
  std::vector<Token> tokens_;
};

}  // namespace

void fail_at(Position position, const std::string& what) {
  throw Error(fmt::format("chat template, line {}, column {}: {}",
                          position.line, position.column, one_line(what)));
}

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    fail_at({}, fmt::format("the template has {} bytes, more than the {} "
                            "allowed",
                            source.size(), kMaxSourceBytes));
  }
  return Lexer(source).run();
}

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
