#ifndef PILOTFISH_SERVER_API_CONVERSATION_FIELDS_H_
#define PILOTFISH_SERVER_API_CONVERSATION_FIELDS_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/chat_template.h"
#include "server/context.h"
#include "server/fields.h"

namespace pilotfish::server {

// The text of a part of a message, of one of these types. Throws ApiError for
// others.
std::string part_text(const Fields& part,
                      std::initializer_list<std::string_view> types);

// The text of a message: a string, or an array of parts of these types, whose
// texts follow one another. Throws ApiError for parts of other types.
std::string content_text(const InJson& content, const std::string& path,
                         std::initializer_list<std::string_view> types);

// OpenAI's array of messages. Throws ApiError.
std::vector<ChatMessage> message_fields(const Fields& fields,
                                        std::string_view name);

struct ChatPrompt {
  RenderedChat rendered;
  std::vector<Token> tokens;
};
// Renders a conversation, with chat_template_kwargs and add_generation_prompt
// of `fields`. `tools_json`: an array of OpenAI-style tools; empty: none. What
// the template does not write of tools and calls, the messages say in words.
// `path` names it in messages. Throws ApiError where the model has no template,
// or the template refuses the conversation.
ChatPrompt chat_prompt(std::vector<ChatMessage> messages,
                       const std::string& tools_json, const std::string& path,
                       const Fields& fields, const ServerContext& context);

// Whether what a model thinks is told apart from what it says: reasoning_format
// "none" leaves all of it in the text. Throws ApiError.
bool splits_reasoning(const Fields& fields);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_CONVERSATION_FIELDS_H_
