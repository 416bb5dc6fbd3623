#ifndef PILOTFISH_CHAT_TEMPLATE_H_
#define PILOTFISH_CHAT_TEMPLATE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/tokenizer.h"

namespace pilotfish {

struct ChatMessage {
  std::string role = {};  // "system", "user", "assistant", "tool"
  // nullopt: the message has no such member.
  std::optional<std::string> content = std::string();
  // A JSON array of OpenAI-style tool calls; empty for none. A call's arguments
  // may be a JSON object or, as in OpenAI's protocol, a string that holds one:
  // the template gets them as they are sent, and in the other form where it
  // fails on that or would quote the string once more.
  std::string tool_calls_json = {};
  // A JSON object of further members (tool_call_id, name, reasoning_content);
  // empty for none. They replace those above: {"content": null}, or a list of
  // content parts where the template takes one.
  std::string fields_json = {};
};

struct ChatOptions {
  bool add_generation_prompt = true;
  // A JSON array of OpenAI-style tools; empty for none.
  std::string tools_json = {};
  // A JSON object of further variables the template may read (date_string,
  // enable_thinking, ...); empty for none.
  std::string variables_json = {};
};

struct RenderedChat {
  std::string text;
  // The bytes that came from the messages, the tools and the variables, roles
  // and names among them, and not from the template. Encoded with these as
  // EncodeOptions::literal, nobody's text becomes a special token.
  std::vector<TextRange> content;
};

// A chat template: the Jinja subset that Hugging Face models use. Immutable and
// thread-safe once built.
class ChatTemplate {
 public:
  // Parses `source`. Throws Error with the line and column of what is malformed
  // or not supported. `bos_token` and `eos_token` are the texts the template
  // may print under those names.
  ChatTemplate(std::string_view source, std::string bos_token,
               std::string eos_token);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // The prompt for a conversation. Throws Error where the template itself calls
  // raise_exception, or uses a value in a way Jinja would refuse. Rendering is
  // bounded in steps, depth and output size, so that a hostile template ends.
  std::string render(const std::vector<ChatMessage>& messages,
                     const ChatOptions& options = {}) const;
  // The same prompt, and which parts of it are content.
  RenderedChat render_chat(const std::vector<ChatMessage>& messages,
                           const ChatOptions& options = {}) const;
  // The same for a conversation in JSON: an array of messages, or an object
  // with "messages" and perhaps "tools", as a request in OpenAI's protocol has
  // them. Tools in `options` replace those.
  RenderedChat render_json(const std::string& conversation,
                           const ChatOptions& options = {}) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

// The template in `source`, or where that is empty the tokenizer's own, with
// the texts of the tokenizer's BOS and EOS. Throws UsageError, which begins
// with `where`, if there is none.
ChatTemplate chat_template_of(const Tokenizer& tokenizer,
                              std::string_view source, std::string_view where);

}  // namespace pilotfish

#endif  // PILOTFISH_CHAT_TEMPLATE_H_
