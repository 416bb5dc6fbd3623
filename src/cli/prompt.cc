#include "cli/prompt.h"

#include <fmt/format.h>

#include <sstream>

#include "cli/flags.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// An editor's or echo's last line break is not part of a prompt.
std::string without_last_line_break(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::vector<std::string> read_texts(const PromptOptions& options) {
  if (options.text) return {*options.text};
  if (!options.file.empty()) {
    return {without_last_line_break(read_file(options.file))};
  }
  if (options.prompts_file.empty()) {
    return {stdin_is_terminal() ? "" : without_last_line_break(read_stdin())};
  }
  std::istringstream lines(read_file(options.prompts_file));
  std::vector<std::string> texts;
  for (std::string line; std::getline(lines, line);) {
    texts.push_back(without_last_line_break(line));
  }
  if (texts.empty()) {
    throw UsageError(fmt::format("{}: is empty, expected one prompt per line",
                                 options.prompts_file));
  }
  return texts;
}

std::vector<Token> encode(const PromptOptions& options, const Session& session,
                          const std::string& text) {
  if (options.chat) {
    const Tokenizer& tokenizer = session.text("a prompt");
    std::vector<ChatMessage> messages;
    if (!options.system.empty()) {
      messages.push_back({"system", options.system, ""});
    }
    messages.push_back({"user", text, ""});
    const ChatTemplate chat = load_template(session, options.template_file);
    const RenderedChat rendered = chat.render_chat(messages);
    // The template writes BOS itself. What looks like a special token in the
    // user's text is not one, unless that is asked for.
    EncodeOptions encode = {.add_special = false};
    if (!options.parse_special) encode.literal = rendered.content;
    return tokenizer.encode(rendered.text, encode);
  }
  std::vector<Token> tokens = prompt_tokens(session, text);
  const std::string note = doubled_bos_note(*session.tokenizer, tokens);
  if (!note.empty()) print_note(note);
  return tokens;
}

}  // namespace

void add_prompt_options(Command& command, PromptOptions& options,
                        bool several) {
  const FlagGroup group = command.group("Prompt (else standard input)");
  std::vector<Flag> sources = {
      group.add("-p,--prompt", options.text, "TEXT", "The prompt"),
      group.add("-f,--file", options.file, "FILE",
                "Read the prompt from a file"),
      group.add("--tokens", options.tokens, "IDS",
                "The prompt as token ids: \"1 2 3\"")};
  const Flag tokens = sources.back();
  if (several) {
    sources.push_back(
        group.add("--prompts", options.prompts_file, "FILE",
                  "One prompt per line, decoded together; with --json"));
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t j = 0; j < i; ++j) sources[i].excludes(sources[j]);
  }
  const Flag chat =
      group
          .add_switch("--chat", options.chat,
                      "The prompt is a user's message: apply the chat template")
          .excludes(tokens);
  group.add("--system", options.system, "TEXT",
            "With --chat: a system message");
  group.add("--template", options.template_file, "FILE",
            "With --chat: a Jinja template instead of the model's own");
  group
      .add_switch("--parse-special", options.parse_special,
                  "With --chat: read special tokens in the messages too, as in "
                  "\"<|im_end|>\"; else only the template's own are special")
      .needs(chat);
}

std::vector<std::vector<Token>> read_prompts(const PromptOptions& options,
                                             const Session& session) {
  if (options.tokens) {
    std::vector<Token> tokens = parse_tokens("--tokens", *options.tokens);
    if (tokens.empty()) throw UsageError("--tokens: has no token ids");
    return {std::move(tokens)};
  }
  std::vector<std::vector<Token>> prompts;
  for (const std::string& text : read_texts(options)) {
    prompts.push_back(encode(options, session, text));
  }
  return prompts;
}

}  // namespace pilotfish::cli
