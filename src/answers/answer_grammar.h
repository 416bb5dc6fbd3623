#ifndef PILOTFISH_ANSWERS_ANSWER_GRAMMAR_H_
#define PILOTFISH_ANSWERS_ANSWER_GRAMMAR_H_

#include <string>

#include "answers/tool_syntax.h"
#include "constraint/grammar.h"
#include "pilotfish/answers.h"

namespace pilotfish {

// The answers that keep all rules: what is thought, and then a text, calls, or
// a text and calls behind it. An answer ends with its calls, and where the text
// has a rule, it is either text or calls. Throws BadRule.
Grammar answer_grammar(const AnswerRules& rules,
                       const ToolSyntax::Impl& syntax);

// The schema of a tool's arguments: that of no arguments where it has none, and
// one that allows objects alone. Throws UsageError.
std::string arguments_schema(const Tool& tool);

}  // namespace pilotfish

#endif  // PILOTFISH_ANSWERS_ANSWER_GRAMMAR_H_
