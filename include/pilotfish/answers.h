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
  // JSON Schema of an object; empty: the tool takes nothing.
  std::string parameters = {};
  bool lenient = false;    // as JsonSchemaOptions::lenient
  std::string where = {};  // where `parameters` were given, for BadRule
};

// Letters, digits, '_', '-' and '.', 1 to 64 of them.
bool is_tool_name(std::string_view name);

// What the text of an answer has to be, as Constraint has it.
struct TextRule {
  enum class Kind { kJsonSchema, kJsonObject, kRegex, kGbnf, kChoice };
  Kind kind = Kind::kJsonObject;
  // One; the texts of kChoice; none of kJsonObject.
  std::vector<std::string> sources = {};
  JsonSchemaOptions json = {};
  std::string where = {};  // where it was given, for BadRule
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
    kMay,    // it answers with a text, or calls, or both
    kMust,   // it calls
  };
  std::optional<TextRule> text = std::nullopt;  // nullopt: any text
  Thinking thinking = Thinking::kNone;
  std::vector<Tool> tools = {};
  Calls calls = Calls::kMay;
  bool many_calls = true;  // an answer may call more than once

  bool constrains() const { return text.has_value() || !tools.empty(); }
  bool may_call() const { return !tools.empty() && calls != Calls::kNever; }
};

// A rule that cannot be kept: `where` is that of the tool or the text.
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
  // The one that a chat template shows. Where it shows none, a general one,
  // which the prompt has to explain.
  ToolSyntax(std::string_view chat_template, const Tokenizer& tokenizer);

  std::string_view name() const;  // "hermes"
  // The template shows the tools. If not, a system message has to: `tools_json`
  // is an array of OpenAI-style tools.
  bool shows_tools() const;
  std::string instructions(std::string_view tools_json) const;
  // The template writes calls and results. If not, they have to be texts.
  bool in_template() const;
  std::string call_text(std::string_view name,
                        std::string_view arguments) const;
  std::string result_text(std::string_view result) const;

  // Every text has an announcement in front, which a ToolCallReader takes off.
  bool announces_text() const;
  // Templates of some models take only calls whose ids are 9 letters and
  // digits.
  bool has_short_ids() const;

  // A special token that is a part of calls and has no text of its own: what
  // stands for it in what a ToolCallReader reads. Empty for other tokens.
  std::string_view mark(Token token) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// The answers that keep all rules, as a constraint. Throws BadRule.
std::shared_ptr<const Constraint> answer_constraint(const AnswerRules& rules,
                                                    const ToolSyntax& syntax);

// Keeps the latest constraints, as requests mostly come with the same few
// rules. Thread-safe. All syntaxes must be over one tokenizer.
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

// What has come of a call.
struct ToolCallDelta {
  std::size_t index = 0;       // of the call in its answer
  std::string name = {};       // in the first delta of a call alone
  std::string arguments = {};  // the next part of a JSON object
};

// Tells calls from text in an answer, as it comes, without what was thought.
// However the answer is cut into pieces, the parts add up to the same. Text
// that only looks like a call stays text; white space around calls is dropped.
class ToolCallReader {
 public:
  struct Read {
    std::string text;
    std::vector<ToolCallDelta> calls;
  };

  ToolCallReader(const AnswerRules& rules, const ToolSyntax& syntax);
  ~ToolCallReader();
  ToolCallReader(ToolCallReader&&) noexcept;

  // What is certain by now. Each of ToolSyntax::mark stands for its token.
  Read push(std::string_view answer);
  // What was held back.
  Read finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_H_
