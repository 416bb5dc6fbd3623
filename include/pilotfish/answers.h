#ifndef PILOTFISH_ANSWERS_H_
#define PILOTFISH_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/constraint.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish {

// A function that a model may call in its answer.
struct Tool {
  std::string name;  // is_tool_name
  // JSON Schema of an object; empty if the tool takes no arguments.
  std::string parameters = {};
  bool lenient = false;    // as JsonSchemaOptions::lenient
  std::string where = {};  // BadRule::where, if `parameters` are refused
};

// Whether a name has 1 to 64 letters, digits, '_', '-' and '.', and no others.
bool is_tool_name(std::string_view name);

// What the text of an answer has to be: the source of a Constraint.
struct TextRule {
  enum class Kind { kJsonSchema, kJsonObject, kRegex, kGbnf, kChoice };
  Kind kind = Kind::kJsonObject;
  // The texts of kChoice, nothing for kJsonObject, one source for the others.
  std::vector<std::string> sources = {};
  JsonSchemaOptions json = {};
  std::string where = {};  // BadRule::where, if it is refused
};

// Whether an answer begins with what the model thinks, up to </think>.
enum class Thinking {
  kNone,
  kMay,    // it may begin with <think>
  kBegun,  // the prompt ends with <think>
};

// What an answer in a conversation has to be.
struct AnswerRules {
  enum class Calls {
    kNever,  // the model knows the tools, and calls none
    kMay,    // the answer is a text, calls, or a text with calls behind it
    kMust,   // the answer is calls
  };
  std::optional<TextRule> text = std::nullopt;  // nullopt: any text
  Thinking thinking = Thinking::kNone;
  std::vector<Tool> tools = {};
  Calls calls = Calls::kMay;
  bool many_calls = true;  // an answer may call more than once

  bool constrains() const { return text.has_value() || !tools.empty(); }
  bool may_call() const { return !tools.empty() && calls != Calls::kNever; }
};

// A rule that cannot be enforced; `where` is that of its Tool or TextRule.
class BadRule : public UsageError {
 public:
  BadRule(std::string where, const std::string& what)
      : UsageError(what), where_(std::move(where)) {}
  const std::string& where() const { return where_; }

 private:
  std::string where_;
};

// How a model writes calls of tools. Immutable; copies are cheap.
class ToolSyntax {
 public:
  // The syntax in which a chat template writes calls. For a template without
  // calls it is a general one, which the prompt has to explain.
  ToolSyntax(std::string_view chat_template, const Tokenizer& tokenizer);

  std::string_view name() const;  // "hermes"
  // Whether the template shows the tools. If not, a system message has to show
  // `instructions`; `tools_json` is an array of OpenAI-style tools.
  bool shows_tools() const;
  std::string instructions(std::string_view tools_json) const;
  // Whether the template writes earlier calls and their results. If not,
  // messages have to have them as text.
  bool in_template() const;
  std::string call_text(std::string_view name,
                        std::string_view arguments) const;
  std::string result_text(std::string_view result) const;

  // Whether an announcement precedes every text; a ToolCallReader removes it.
  bool announces_text() const;
  // Whether the template takes only calls whose ids are 9 letters and digits.
  bool has_short_ids() const;

  // What a ToolCallReader has to be given for a special token that is a part
  // of calls and has no text of its own. Empty for other tokens.
  std::string_view mark(Token token) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// A constraint that allows the answers that satisfy `rules`. Throws BadRule.
std::shared_ptr<const Constraint> answer_constraint(const AnswerRules& rules,
                                                    const ToolSyntax& syntax);

// Makes constraints and keeps the latest ones, because most requests come with
// the same few rules. Thread-safe. All syntaxes must be over one tokenizer.
class AnswerConstraints {
 public:
  AnswerConstraints();
  ~AnswerConstraints();

  std::shared_ptr<const Constraint> get(const AnswerRules& rules,
                                        const ToolSyntax& syntax);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A piece of a call.
struct ToolCallDelta {
  std::size_t index = 0;       // of the call in its answer
  std::string name = {};       // only in the first delta of a call
  std::string arguments = {};  // the next part of a JSON object
};

// Separates text and calls in an answer that comes in pieces, from which
// thoughts have been removed. However the answer is cut into pieces, the parts
// add up to the same. Text that only looks like a call stays text; white space
// around calls is dropped.
class ToolCallReader {
 public:
  struct Read {
    std::string text;
    std::vector<ToolCallDelta> calls;
  };

  ToolCallReader(const AnswerRules& rules, const ToolSyntax& syntax);
  ~ToolCallReader();
  ToolCallReader(ToolCallReader&&) noexcept;

  // Returns what is certain by now. `answer` has ToolSyntax::mark of a token in
  // its place.
  Read push(std::string_view answer);
  // Returns what was held back.
  Read finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_H_
