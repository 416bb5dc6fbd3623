#include "server/api/conversation_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "pilotfish/answers.h"
#include "server/api/calls_as_text.h"

namespace pilotfish::server {
namespace {

constexpr std::string_view kRoles[] = {"system", "developer", "user",
                                       "assistant", "tool"};

ChatMessage message_at(const InJson& value, const std::string& path) {
  const Fields fields = Fields::of(value, path);
  ChatMessage message;
  message.role = fields.string("role").value_or("");
  if (std::ranges::count(kRoles, message.role) == 0) {
    fields.refuse("role",
                  fmt::format("is not one of {}", fmt::join(kRoles, ", ")));
  }
  // OpenAI's newer word. Templates know the older one.
  if (message.role == "developer") message.role = "system";
  if (const InJson* calls = fields.array("tool_calls")) {
    message.tool_calls_json = calls->empty() ? "" : calls->dump();
  }
  const InJson* content = fields.find("content");
  if (content != nullptr) {
    message.content =
        content_text(*content, fields.path_of("content"), {"text"});
  } else if (message.role == "assistant" && !message.tool_calls_json.empty()) {
    message.content = std::nullopt;
  } else {
    fields.refuse("content", "is missing");
  }
  InJson more = InJson::object();
  for (const char* name : {"name", "tool_call_id", "reasoning_content"}) {
    if (auto text = fields.string(name)) more[name] = std::move(*text);
  }
  if (!more.empty()) message.fields_json = more.dump();
  return message;
}

}  // namespace

std::string part_text(const Fields& part,
                      std::initializer_list<std::string_view> types) {
  const std::string type = part.string("type").value_or("");
  if (std::ranges::count(types, type) == 0) {
    part.refuse("type", fmt::format("is \"{}\"; this model takes parts of "
                                    "type {} alone",
                                    type, fmt::join(types, ", ")));
  }
  std::optional<std::string> words = part.string("text");
  if (!words) part.refuse("text", "is missing");
  return std::move(*words);
}

std::string content_text(const InJson& content, const std::string& path,
                         std::initializer_list<std::string_view> types) {
  if (!content.is_array()) {
    if (content.is_string()) return content.get<std::string>();
    throw bad_field(path, "is neither a string nor an array of parts");
  }
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    text += part_text(Fields::of(content[i], fmt::format("{}[{}]", path, i)),
                      types);
  }
  return text;
}

std::vector<ChatMessage> message_fields(const Fields& fields,
                                        std::string_view name) {
  const InJson* array = fields.array(name);
  if (array == nullptr || array->empty()) {
    fields.refuse(name, "has no messages");
  }
  std::vector<ChatMessage> messages;
  for (std::size_t i = 0; i < array->size(); ++i) {
    messages.push_back(message_at(
        (*array)[i], fmt::format("{}[{}]", fields.path_of(name), i)));
  }
  return messages;
}

ChatPrompt chat_prompt(std::vector<ChatMessage> messages,
                       const std::string& tools_json, const std::string& path,
                       const Fields& fields, const ServerContext& context) {
  if (!context.chat_template) {
    throw ApiError(400,
                   fmt::format("{} has no chat template: it continues texts, "
                               "as POST /v1/completions asks it to",
                               context.model.id),
                   path, "no_chat_template");
  }
  ChatOptions options;
  options.add_generation_prompt =
      fields.boolean("add_generation_prompt").value_or(true);
  if (fields.object("chat_template_kwargs")) {
    options.variables_json = fields.find("chat_template_kwargs")->dump();
  }
  const ToolSyntax syntax(context.chat_template_source, *context.tokenizer);
  if (!syntax.in_template()) {
    messages = calls_as_text(std::move(messages), syntax);
  }
  if (syntax.shows_tools()) {
    options.tools_json = tools_json;
  } else if (!tools_json.empty()) {
    explain_tools(messages, syntax.instructions(tools_json));
  }
  ChatPrompt prompt;
  try {
    prompt.rendered = context.chat_template->render_chat(messages, options);
  } catch (const Error& error) {
    throw bad_field(path, error.what());
  }
  // The template writes BOS itself.
  prompt.tokens = context.tokenizer->encode(
      prompt.rendered.text,
      {.add_special = false, .literal = prompt.rendered.content});
  return prompt;
}

bool splits_reasoning(const Fields& fields) {
  const std::string format = fields.string("reasoning_format").value_or("auto");
  if (format == "none") return false;
  if (format != "auto" && format != "deepseek") {
    fields.refuse("reasoning_format", "is none of auto, deepseek, none");
  }
  return true;
}

}  // namespace pilotfish::server
