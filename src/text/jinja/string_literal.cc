#include "text/jinja/string_literal.h"

#include <fmt/format.h>

#include <charconv>

#include "text/jinja/characters.h"

namespace pilotfish::jinja {
namespace {

// The single characters that follow a backslash, and what each stands for.
constexpr std::string_view kLetters = "\\'\"abfnrtv";
constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";

class Decoder {
 public:
  Decoder(std::string_view body, Position position)
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

}  // namespace

std::string decode_string_literal(std::string_view body, Position position) {
  return Decoder(body, position).run();
}

}  // namespace pilotfish::jinja
