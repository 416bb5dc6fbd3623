#ifndef PILOTFISH_SERVER_API_TOOL_FIELDS_H_
#define PILOTFISH_SERVER_API_TOOL_FIELDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/answers.h"
#include "server/fields.h"

namespace pilotfish::server {

// The tools of a request, and how they may be called.
struct ToolFields {
  std::vector<Tool> tools;  // those that may be called
  std::string tools_json;   // an array of all, OpenAI-style; empty: none
  AnswerRules::Calls calls = AnswerRules::Calls::kMay;
  bool many_calls = true;
};

// Each reads `tools`, `tool_choice` and whether calls may be parallel, as a
// route has them. `body` is the text that `fields` were read from. Tools that
// only the servers of others have are passed over, where clients offer those to
// whoever answers. Throws ApiError.
ToolFields chat_tool_fields(const Fields& fields, std::string_view body);
ToolFields response_tool_fields(const Fields& fields, std::string_view body);
ToolFields message_tool_fields(const Fields& fields, std::string_view body);

// For routes that continue texts: throws ApiError for tools, and where a call
// is asked for.
void refuse_tool_fields(const Fields& fields);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_TOOL_FIELDS_H_
