#include "pilotfish/chat_template.h"

#include <fmt/core.h>

#include <optional>

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

// What templates get as the arguments of a tool call. OpenAI's protocol sends a
// string that holds JSON; some templates take that, others the object in it.
enum class ArgumentsForm { kAsSent, kObject, kText };

// Whether calls were met whose arguments could take another form than the one
// they were sent in.
struct OtherForms {
  bool objects_from_texts = false;
  bool texts_from_objects = false;
};

std::optional<Value> parsed(const jinja::String& text) {
  try {
    return jinja::read_json(text.text, "arguments");
  } catch (const Error&) {
    return std::nullopt;  // some models write arguments that are no JSON
  }
}

Value arguments_value(const Value& sent, ArgumentsForm form,
                      OtherForms& others) {
  if (const jinja::String* text = sent.string()) {
    const std::optional<Value> object = parsed(*text);
    if (!object) return sent;
    others.objects_from_texts = true;
    if (form == ArgumentsForm::kObject) return *object;
    jinja::String marked = *text;
    marked.is_json = true;
    return Value(std::move(marked));
  }
  if (sent.dict() == nullptr) return sent;
  others.texts_from_objects = true;
  if (form != ArgumentsForm::kText) return sent;
  jinja::Runtime runtime(jinja::system_clock);
  return Value(jinja::to_json(runtime, sent, {}));
}

// `call` with its arguments, which are the function's or its own, in `form`.
Value call_value(const Value& call, ArgumentsForm form, OtherForms& others) {
  const Dict* dict = call.dict();
  if (dict == nullptr) return call;
  if (const Value* function = dict->find("function")) {
    return dict_value(
        replaced(*dict, "function", call_value(*function, form, others)));
  }
  const Value* arguments = dict->find("arguments");
  if (arguments == nullptr) return call;
  return dict_value(
      replaced(*dict, "arguments", arguments_value(*arguments, form, others)));
}

// A message with the arguments of its tool calls in `form`.
Value message_in_form(const Value& message, ArgumentsForm form,
                      OtherForms& others) {
  const Dict* dict = message.dict();
  const Value* calls = dict == nullptr ? nullptr : dict->find("tool_calls");
  if (calls == nullptr || calls->sequence() == nullptr) return message;
  Values changed;
  for (const Value& call : calls->sequence()->items) {
    changed.push_back(call_value(call, form, others));
  }
  return dict_value(
      replaced(*dict, "tool_calls", list_value(std::move(changed))));
}

Value message_value(const ChatMessage& message, size_t index) {
  Dict dict;
  dict.set("role", Value(jinja::content_string(message.role)));
  if (message.content) {
    dict.set("content", Value(jinja::content_string(*message.content)));
  }
  const std::string where = fmt::format("chat message {}", index);
  if (!message.tool_calls_json.empty()) {
    dict.set("tool_calls",
             read_list(message.tool_calls_json, where + ", tool_calls_json"));
  }
  if (!message.fields_json.empty()) {
    read_object(message.fields_json, where + ", fields_json", dict);
  }
  return dict_value(std::move(dict));
}

// What a conversation in JSON holds.
struct Conversation {
  Values messages;
  std::optional<Value> tools;
};

Conversation read_conversation(const std::string& json) {
  const Value value = jinja::read_json(json, "conversation");
  Conversation conversation;
  const Value* messages = &value;
  if (const Dict* request = value.dict()) {
    messages = request->find("messages");
    const Value* tools = request->find("tools");
    if (tools != nullptr && !tools->is_none()) {
      if (tools->sequence() == nullptr) {
        throw Error("conversation: a JSON array expected as \"tools\"");
      }
      conversation.tools = *tools;
    }
  }
  if (messages == nullptr || messages->sequence() == nullptr) {
    throw Error(
        "conversation: a JSON array of messages expected, or an object with "
        "such \"messages\"");
  }
  conversation.messages = messages->sequence()->items;
  for (size_t i = 0; i < conversation.messages.size(); ++i) {
    const Dict* message = conversation.messages[i].dict();
    const Value* role = message == nullptr ? nullptr : message->find("role");
    if (role == nullptr || role->string() == nullptr) {
      throw Error(fmt::format(
          "conversation: message {}: an object with a \"role\" expected", i));
    }
  }
  return conversation;
}

std::string_view without_byte_order_mark(std::string_view source) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (source.starts_with(kMark)) source.remove_prefix(kMark.size());
  return source;
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::Template source;
  std::string bos_token;
  std::string eos_token;

  // All but the messages.
  Dict variables(const ChatOptions& options) const;
  RenderedChat render(Dict variables, const Values& messages) const;
};

Dict ChatTemplate::Impl::variables(const ChatOptions& options) const {
  Dict variables;
  variables.set("bos_token", Value(bos_token));
  variables.set("eos_token", Value(eos_token));
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
  // `tools` is none rather than undefined where there are none, as Hugging Face
  // has it.
  variables.set(
      "tools", options.tools_json.empty()
                   ? Value()
                   : read_list(options.tools_json, "chat options, tools_json"));
  variables.set("add_generation_prompt", Value(options.add_generation_prompt));
  return variables;
}

ChatTemplate::ChatTemplate(std::string_view source, std::string bos_token,
                           std::string eos_token)
    : impl_(std::make_unique<const Impl>(
          Impl{jinja::Template(without_byte_order_mark(source)),
               std::move(bos_token), std::move(eos_token)})) {}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                 const ChatOptions& options) const {
  return render_chat(messages, options).text;
}

RenderedChat ChatTemplate::render_chat(const std::vector<ChatMessage>& messages,
                                       const ChatOptions& options) const {
  Values list;
  for (size_t i = 0; i < messages.size(); ++i) {
    list.push_back(message_value(messages[i], i));
  }
  return impl_->render(impl_->variables(options), list);
}

RenderedChat ChatTemplate::render_json(const std::string& conversation,
                                       const ChatOptions& options) const {
  const Conversation read = read_conversation(conversation);
  Dict variables = impl_->variables(options);
  if (options.tools_json.empty() && read.tools) {
    variables.set("tools", *read.tools);
  }
  return impl_->render(std::move(variables), read.messages);
}

RenderedChat ChatTemplate::Impl::render(Dict variables,
                                        const Values& messages) const {
  OtherForms others;
  bool quotes_json = false;
  const auto rendered = [&](ArgumentsForm form) {
    Values list;
    for (const Value& message : messages) {
      list.push_back(message_in_form(message, form, others));
    }
    variables.set("messages", list_value(std::move(list)));
    jinja::String prompt =
        source.render(variables, jinja::system_clock, &quotes_json);
    return RenderedChat{std::move(prompt.text), prompt.marks.take()};
  };
  const auto rendered_if_possible =
      [&](ArgumentsForm form) -> std::optional<RenderedChat> {
    try {
      return rendered(form);
    } catch (const Error&) {
      return std::nullopt;  // the error of the form that was sent says more
    }
  };
  try {
    RenderedChat as_sent = rendered(ArgumentsForm::kAsSent);
    if (!quotes_json) return as_sent;
    return rendered_if_possible(ArgumentsForm::kObject)
        .value_or(std::move(as_sent));
  } catch (const Error&) {
    std::optional<RenderedChat> other;
    if (others.objects_from_texts) {
      other = rendered_if_possible(ArgumentsForm::kObject);
    }
    if (!other && others.texts_from_objects) {
      other = rendered_if_possible(ArgumentsForm::kText);
    }
    if (!other) throw;
    return *std::move(other);
  }
}

ChatTemplate chat_template_of(const Tokenizer& tokenizer,
                              std::string_view source, std::string_view where) {
  if (source.empty()) source = tokenizer.chat_template();
  if (source.empty()) {
    throw UsageError(
        fmt::format("{}: has no chat template, and none is given", where));
  }
  const auto text = [&](std::optional<Token> token) {
    return token ? std::string(tokenizer.token_text(*token)) : std::string();
  };
  return ChatTemplate(source, text(tokenizer.bos()), text(tokenizer.eos()));
}

}  // namespace pilotfish
