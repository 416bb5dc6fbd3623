#include "answers/tool_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace pilotfish {
namespace {

constexpr int kFirstStandIn = 0xF8;  // up to 0xFF, none of them in UTF-8

}  // namespace

bool is_tool_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  return !name.empty() && name.size() <= kLongest &&
         std::ranges::all_of(name, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x80 && std::isalnum(byte) != 0) || c == '_' ||
                  c == '-' || c == '.';
         });
}

ToolSyntax::Impl::Impl(std::string_view chat_template,
                       const Tokenizer& tokenizer)
    : format(tool_format_of(chat_template)),
      shows_tools(chat_template.find("tools") != std::string_view::npos) {
  int stand_in = kFirstStandIn;
  for (const std::string_view text : format.marks) {
    if (text.empty()) break;
    const std::optional<Token> token = tokenizer.find(text);
    if (!token || !tokenizer.is_special(*token)) continue;
    marks.push_back(
        {text, *token, std::string(1, static_cast<char>(stand_in++))});
  }
}

const ToolSyntax::Impl::Mark* ToolSyntax::Impl::next_mark(
    std::string_view text, std::size_t from, std::size_t& at) const {
  const Mark* first = nullptr;
  at = text.size();
  for (const Mark& mark : marks) {
    const std::size_t found = text.find(mark.text, from);
    if (found >= at) continue;
    at = found;
    first = &mark;
  }
  return first;
}

Grammar::Expr ToolSyntax::Impl::written(Grammar& grammar,
                                        std::string_view text) const {
  std::vector<Grammar::Expr> parts;
  std::size_t from = 0;
  std::size_t at = 0;
  while (const Mark* mark = next_mark(text, from, at)) {
    parts.push_back(grammar.text(text.substr(from, at - from)));
    parts.push_back(grammar.token(mark->token));
    from = at + mark->text.size();
  }
  parts.push_back(grammar.text(text.substr(from)));
  return grammar.sequence(std::move(parts));
}

std::string ToolSyntax::Impl::read(std::string_view text) const {
  std::string read;
  std::size_t from = 0;
  std::size_t at = 0;
  while (const Mark* mark = next_mark(text, from, at)) {
    read += text.substr(from, at - from);
    read += mark->stand_in;
    from = at + mark->text.size();
  }
  return read += text.substr(from);
}

std::vector<std::string_view> ToolSyntax::Impl::openings() const {
  std::vector<std::string_view> openings;
  for (const std::string_view opening : format.openings) {
    if (!opening.empty()) openings.push_back(opening);
  }
  return openings;
}

std::vector<std::string_view> ToolSyntax::Impl::first_openings() const {
  std::vector<std::string_view> openings = this->openings();
  if (!format.opened_by_prompt) return openings;
  for (const std::string_view opening : this->openings()) {
    openings.push_back(opening.substr(format.trigger.size()));
  }
  return openings;
}

std::vector<std::string> ToolSyntax::Impl::before_texts() const {
  std::vector<std::string> texts = {std::string(format.before_text)};
  if (format.opened_by_prompt) {
    texts.push_back(std::string(format.trigger) + texts.front());
  }
  return texts;
}

ToolSyntax::ToolSyntax(std::string_view chat_template,
                       const Tokenizer& tokenizer)
    : impl_(std::make_shared<const Impl>(chat_template, tokenizer)) {}

std::string_view ToolSyntax::name() const { return impl_->format.name; }

bool ToolSyntax::shows_tools() const {
  return impl_->shows_tools && impl_->format.in_template;
}

bool ToolSyntax::in_template() const { return impl_->format.in_template; }

bool ToolSyntax::announces_text() const {
  return !impl_->format.before_text.empty();
}

bool ToolSyntax::has_short_ids() const { return impl_->format.has_short_ids; }

std::string_view ToolSyntax::mark(Token token) const {
  for (const Impl::Mark& mark : impl_->marks) {
    if (mark.token == token) return mark.stand_in;
  }
  return {};
}

std::string ToolSyntax::instructions(std::string_view tools_json) const {
  return fmt::format(
      "You can call these functions:\n{}\n\n"
      "To call one, answer with its name and its arguments:\n{}\n"
      "You may call several, one behind the other. What a function returns is "
      "given to you between <tool_response> and </tool_response>.",
      tools_json, call_text("NAME", "{\"ARGUMENT\": VALUE}"));
}

std::string ToolSyntax::call_text(std::string_view name,
                                  std::string_view arguments) const {
  const ToolFormat& format = impl_->format;
  return fmt::format("{}{}{}{}{}{}", format.openings[0], name,
                     format.behind_name, arguments, format.behind_arguments,
                     format.close);
}

std::string ToolSyntax::result_text(std::string_view result) const {
  return fmt::format("<tool_response>\n{}\n</tool_response>", result);
}

}  // namespace pilotfish
