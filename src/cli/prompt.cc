#include "cli/prompt.h"

#include <utility>

#include "cli/flags.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// An editor's or echo's last line break is not part of a prompt.
std::string without_last_line_break(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string read_prompt_text(const TextSource& source) {
  if (source.text) return *source.text;
  if (source.file.empty() && stdin_is_terminal()) return "";
  return without_last_line_break(read_text(source));
}

}  // namespace

void add_prompt_options(Command& command, PromptOptions& options,
                        bool several) {
  const FlagGroup group = command.group("Prompt (else standard input)");
  std::vector<Flag> sources = add_text_source(
      group, options.source, "The prompt", "Read the prompt from a file");
  const Flag tokens = group.add("--tokens", options.tokens, "IDS",
                                "The prompt as token ids: \"1 2 3\"");
  sources.push_back(tokens);
  if (several) {
    sources.push_back(group.add(
        "--prompts", options.prompts_file, "FILE",
        "One prompt per line, decoded together; with --json. Lines of JSON "
        "have \"prompt\" and parameters of their own"));
  }
  exclude_each_other(sources);
  const Flag chat =
      group
          .add_switch("--chat", options.chat,
                      "The prompt is a user's message: apply the chat template")
          .excludes(tokens);
  group.add("--system", options.system, "TEXT", "With --chat: a system message")
      .may_be_empty()
      .has_escapes()
      .needs({chat});
  group
      .add("--template", options.template_file, "FILE",
           "With --chat: a Jinja template instead of the model's own")
      .needs({chat});
  group
      .add_switch("--parse-special", options.parse_special,
                  "With --chat: read special tokens in the messages too, as in "
                  "\"<|im_end|>\"; else only the template's own are special")
      .needs({chat});
}

void note_doubled_bos(const Tokenizer& tokenizer,
                      std::span<const Token> prompt) {
  const std::string note = doubled_bos_note(tokenizer, prompt);
  if (!note.empty()) print_note(note);
}

std::vector<Token> PromptEncoder::encode(const std::string& text) {
  const std::vector<Token> tokens =
      options_.chat ? encode_chat(text) : prompt_tokens(session_, text);
  note_doubled_bos(*session_.tokenizer, tokens);
  return tokens;
}

std::vector<Token> PromptEncoder::encode_chat(const std::string& text) {
  const Tokenizer& tokenizer = session_.text("a prompt");
  if (!template_) template_ = load_template(session_, options_.template_file);
  std::vector<ChatMessage> messages;
  if (options_.system) messages.push_back({"system", *options_.system, ""});
  messages.push_back({"user", text, ""});
  const RenderedChat rendered = template_->render_chat(messages);
  // The template writes BOS itself. What looks like a special token in the
  // user's text is not one, unless that is asked for.
  EncodeOptions encode = {.add_special = false};
  if (!options_.parse_special) encode.literal = rendered.content;
  return tokenizer.encode(rendered.text, encode);
}

std::vector<Token> read_prompt(const PromptOptions& options,
                               const Session& session) {
  if (options.tokens) {
    std::vector<Token> tokens = parse_tokens("--tokens", *options.tokens);
    if (tokens.empty()) throw UsageError("--tokens: has no token ids");
    return tokens;
  }
  return PromptEncoder(options, session)
      .encode(read_prompt_text(options.source));
}

}  // namespace pilotfish::cli
