#include "server/api/calls_as_text.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "server/json_text.h"

namespace pilotfish::server {
namespace {

// A member of a call's function: a text, or JSON.
std::string text_of(const OutJson& call, const char* name) {
  const OutJson function = call.value("function", OutJson::object());
  const auto value = function.find(name);
  if (value == function.end()) return {};
  return value->is_string() ? value->get<std::string>() : json_text(*value);
}

void say_calls(ChatMessage& message, const ToolSyntax& syntax) {
  std::string text = message.content.value_or("");
  for (const OutJson& call : OutJson::parse(message.tool_calls_json)) {
    if (!call.is_object()) continue;
    if (!text.empty()) text += '\n';
    text += syntax.call_text(text_of(call, "name"), text_of(call, "arguments"));
  }
  message.content = std::move(text);
  message.tool_calls_json.clear();
}

}  // namespace

std::vector<ChatMessage> calls_as_text(std::vector<ChatMessage> messages,
                                       const ToolSyntax& syntax) {
  std::vector<ChatMessage> texts;
  bool behind_result = false;
  for (ChatMessage& message : messages) {
    const bool is_result = message.role == "tool";
    if (!message.tool_calls_json.empty()) say_calls(message, syntax);
    if (is_result) {
      const std::string text = syntax.result_text(message.content.value_or(""));
      // Roles alternate in many templates, and calls may be many.
      if (behind_result) {
        *texts.back().content += '\n' + text;
      } else {
        texts.push_back({"user", text});
      }
    } else {
      texts.push_back(std::move(message));
    }
    behind_result = is_result;
  }
  return texts;
}

void explain_tools(std::vector<ChatMessage>& messages,
                   const std::string& words) {
  if (messages.empty() || messages.front().role != "system") {
    messages.insert(messages.begin(), {"system", words});
    return;
  }
  std::string& text =
      messages.front().content.emplace(messages.front().content.value_or(""));
  text += (text.empty() ? "" : "\n\n") + words;
}

}  // namespace pilotfish::server
