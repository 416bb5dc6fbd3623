#include "pilotfish/chat_template.h"

#include <fmt/core.h>

#include "pilotfish/error.h"
#include "text/jinja/json.h"
#include "text/jinja/template.h"

namespace pilotfish {
namespace {

using jinja::Dict;
using jinja::Sequence;
using jinja::Value;
using jinja::Values;

Value dict_value(Dict dict) {
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

Value list_value(Values items) {
  return Value(
      jinja::make_sequence(jinja::SequenceKind::kList, std::move(items)));
}

Value read_list(const std::string& json, const std::string& what) {
  Value value = jinja::read_json(json, what);
  if (value.sequence() == nullptr) {
    throw Error(
        fmt::format("{}: a JSON array expected, not a value of type "
                    "'{}'",
                    what, type_name(value)));
  }
  return value;
}

void read_object(const std::string& json, const std::string& what, Dict& into) {
  const Value value = jinja::read_json(json, what);
  if (value.dict() == nullptr) {
    throw Error(
        fmt::format("{}: a JSON object expected, not a value of type "
                    "'{}'",
                    what, type_name(value)));
  }
  for (const auto& [key, entry] : value.dict()->entries()) {
    into.set(key, entry);
  }
}

Dict replaced(const Dict& dict, std::string_view key, Value value) {
  Dict copy = dict;
  copy.set(key, std::move(value));
  return copy;
}

// OpenAI's protocol has a call's arguments as a string of JSON, templates want
// the object in it.
Value with_parsed_arguments(const Value& call, const std::string& what) {
  const Dict* outer = call.dict();
  const Value* function = outer == nullptr ? nullptr : outer->find("function");
  const Dict* inner = function == nullptr ? nullptr : function->dict();
  const Value* arguments =
      inner == nullptr ? nullptr : inner->find("arguments");
  if (arguments == nullptr || arguments->string() == nullptr) return call;
  Value parsed = jinja::read_json(arguments->string()->text,
                                  what + ": the call's arguments");
  return dict_value(
      replaced(*outer, "function",
               dict_value(replaced(*inner, "arguments", std::move(parsed)))));
}

Value message_value(const ChatMessage& message, size_t index) {
  Dict dict;
  dict.set("role", Value(jinja::content_string(message.role)));
  dict.set("content", Value(jinja::content_string(message.content)));
  const std::string where = fmt::format("chat message {}", index);
  if (!message.tool_calls_json.empty()) {
    const std::string what = where + ", tool_calls_json";
    const Value calls = read_list(message.tool_calls_json, what);
    Values parsed;
    for (const Value& call : calls.sequence()->items) {
      parsed.push_back(with_parsed_arguments(call, what));
    }
    dict.set("tool_calls", list_value(std::move(parsed)));
  }
  if (!message.fields_json.empty()) {
    read_object(message.fields_json, where + ", fields_json", dict);
  }
  return dict_value(std::move(dict));
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::Template source;
  std::string bos_token;
  std::string eos_token;

  Dict special_tokens() const {
    Dict variables;
    variables.set("bos_token", Value(bos_token));
    variables.set("eos_token", Value(eos_token));
    return variables;
  }
};

ChatTemplate::ChatTemplate(std::string_view source, std::string bos_token,
                           std::string eos_token)
    : impl_(std::make_unique<const Impl>(Impl{jinja::Template(source),
                                              std::move(bos_token),
                                              std::move(eos_token)})) {}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                 const ChatOptions& options) const {
  return render_chat(messages, options).text;
}

RenderedChat ChatTemplate::render_chat(const std::vector<ChatMessage>& messages,
                                       const ChatOptions& options) const {
  Dict variables = impl_->special_tokens();
  variables.set("documents", Value());
  if (!options.variables_json.empty()) {
    read_object(options.variables_json, "chat options, variables_json",
                variables);
    for (const char* name : {"bos_token", "eos_token"}) {
      // Whoever replaces these means the tokens.
      const jinja::String* text = variables.find(name)->string();
      if (text != nullptr) variables.set(name, Value(text->text));
    }
  }
  Values list;
  for (size_t i = 0; i < messages.size(); ++i) {
    list.push_back(message_value(messages[i], i));
  }
  variables.set("messages", list_value(std::move(list)));
  // `tools` is none rather than undefined where there are none, as Hugging Face
  // has it.
  variables.set(
      "tools", options.tools_json.empty()
                   ? Value()
                   : read_list(options.tools_json, "chat options, tools_json"));
  variables.set("add_generation_prompt", Value(options.add_generation_prompt));
  jinja::String prompt = impl_->source.render(variables);
  return {std::move(prompt.text), prompt.marks.take()};
}

}  // namespace pilotfish
