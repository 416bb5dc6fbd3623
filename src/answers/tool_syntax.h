#ifndef PILOTFISH_ANSWERS_TOOL_SYNTAX_H_
#define PILOTFISH_ANSWERS_TOOL_SYNTAX_H_

#include <string>
#include <string_view>
#include <vector>

#include "answers/tool_format.h"
#include "constraint/grammar.h"
#include "pilotfish/answers.h"

namespace pilotfish {

// A format as the tokens of one model write it: where its marks are special
// tokens, they have no bytes, and in what is read a byte that is in no UTF-8
// stands for each.
struct ToolSyntax::Impl {
  struct Mark {
    std::string_view text;
    Token token;
    std::string stand_in;
  };

  Impl(std::string_view chat_template, const Tokenizer& tokenizer);

  // A text of the format: as it is generated, and as it is read.
  Grammar::Expr written(Grammar& grammar, std::string_view text) const;
  std::string read(std::string_view text) const;
  // No special token is a part of it.
  bool is_plain(std::string_view text) const { return read(text) == text; }

  // What can begin the first call behind a text, and at the very beginning of
  // an answer; and what can stand in front of a text, perhaps the empty text.
  std::vector<std::string_view> openings() const;
  std::vector<std::string_view> first_openings() const;
  std::vector<std::string> before_texts() const;

  const ToolFormat& format;
  const bool shows_tools;
  std::vector<Mark> marks;

 private:
  // The next mark in `text` at or behind `from`; null: there is none.
  const Mark* next_mark(std::string_view text, std::size_t from,
                        std::size_t& at) const;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_TOOL_SYNTAX_H_
