#ifndef PILOTFISH_SERVER_API_ANSWER_FIELDS_H_
#define PILOTFISH_SERVER_API_ANSWER_FIELDS_H_

#include <optional>
#include <string_view>

#include "pilotfish/answers.h"
#include "server/api/answer.h"
#include "server/api/conversation_fields.h"
#include "server/api/tool_fields.h"
#include "server/context.h"
#include "server/fields.h"

namespace pilotfish::server {

// What a text has to be: response_format, llama.cpp's grammar and json_schema,
// vLLM's guided_* and structured_outputs, of which a request has one at most.
// `body` is the text that `fields` were read from. Throws ApiError.
std::optional<TextRule> text_rule(const Fields& fields, std::string_view body);
// The same of a format as responses have it: {"type", "schema", "strict"}.
// `text` is that of `format`.
std::optional<TextRule> format_rule(const Fields& format,
                                    std::string_view text);

// Whether an answer to a prompt begins with what the model thinks. `splits`:
// that is told apart from the text.
Thinking thinking_of(const ChatPrompt& prompt, bool splits,
                     const ServerContext& context);

// Holds a text to rules: those of an answer in a conversation, or of a text
// alone. Throws ApiError for what cannot be enforced.
void constrain_answer(WantedText& wanted, std::optional<TextRule> text,
                      ToolFields tools, Thinking thinking,
                      const ServerContext& context);
void constrain_text(WantedText& wanted, std::optional<TextRule> text,
                    const ServerContext& context);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_ANSWER_FIELDS_H_
