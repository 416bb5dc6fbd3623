#include "cli/text_writer.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "cli/terminal.h"

namespace pilotfish::cli {
namespace {

struct Mark {
  std::string_view before;
  std::string_view after;
};

// Underlined in blue, reversed in yellow, and bold: shapes differ without
// colour, and blue and yellow differ to all eyes. The reset comes after each
// piece, so that a text that ends early leaves nothing behind.
constexpr std::array<Mark, 3> kColours = {{{"\033[4;34m", "\033[0m"},
                                           {"\033[7;33m", "\033[0m"},
                                           {"\033[1m", "\033[0m"}}};
constexpr std::array<Mark, 3> kBrackets = {{{"", ""}, {"{", "}"}, {"[", "]"}}};

}  // namespace

TextWriter::TextWriter(bool has_text, bool show_origins)
    : has_text_(has_text),
      show_origins_(show_origins),
      colours_(stdout_has_colours()) {}

std::string TextWriter::marked(const std::string& text, Origin origin) const {
  if (text.empty()) return text;
  const Mark& mark =
      (colours_ ? kColours : kBrackets)[static_cast<size_t>(origin)];
  return fmt::format("{}{}{}", mark.before, text, mark.after);
}

void TextWriter::write(const Piece& piece) {
  std::string text(piece.text);
  if (!has_text_ && piece.token >= 0) {
    text = fmt::format("{}{}", first_ ? "" : " ", piece.token);
  }
  first_ = false;
  if (text.empty()) return;
  line_open_ = !text.ends_with('\n');
  // Held-back text belongs to tokens already shown.
  write_out(show_origins_ && piece.token >= 0 ? marked(text, piece.origin)
                                              : text);
}

void TextWriter::finish() {
  if (line_open_ && stdout_is_terminal()) write_out("\n");
  line_open_ = false;
}

std::string TextWriter::legend() const {
  return fmt::format(
      "\n{} = from the draft, {} = the target's correction, {} "
      "= the target's own",
      marked("accepted", Origin::kAccepted),
      marked("recovered", Origin::kRecovered), marked("bonus", Origin::kBonus));
}

}  // namespace pilotfish::cli
