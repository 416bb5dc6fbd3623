#ifndef PILOTFISH_SERVER_API_CALLS_AS_TEXT_H_
#define PILOTFISH_SERVER_API_CALLS_AS_TEXT_H_

#include <string>
#include <vector>

#include "pilotfish/answers.h"
#include "pilotfish/chat_template.h"

namespace pilotfish::server {

// A conversation for a template that knows nothing of calls: they stand in the
// texts of those who call, and what they returned in the user's.
std::vector<ChatMessage> calls_as_text(std::vector<ChatMessage> messages,
                                       const ToolSyntax& syntax);

// Adds words about tools to the system message, or one that says them.
void explain_tools(std::vector<ChatMessage>& messages,
                   const std::string& words);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_CALLS_AS_TEXT_H_
