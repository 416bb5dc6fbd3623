#include "cli/prompt.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sstream>

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
    throw UsageError(fmt::format("{}: is empty, expected a prompt a line",
                                 options.prompts_file));
  }
  return texts;
}

std::vector<Token> encode(const PromptOptions& options, const Session& session,
                          const std::string& text) {
  const Tokenizer& tokenizer = session.text("a prompt");
  if (options.chat) {
    std::vector<ChatMessage> messages;
    if (!options.system.empty()) {
      messages.push_back({"system", options.system, ""});
    }
    messages.push_back({"user", text, ""});
    const ChatTemplate chat = load_template(session, options.template_file);
    // The template writes BOS itself.
    return tokenizer.encode(chat.render(messages), {.add_special = false});
  }
  std::vector<Token> tokens = tokenizer.encode(text);
  if (tokens.empty()) {
    const Token bos = session.target->config().bos;
    if (bos < 0) {
      throw UsageError(
          "the prompt is empty, and the model has no BOS token to start from; "
          "give one with -p, -f or --tokens");
    }
    tokens.push_back(bos);
  }
  return tokens;
}

}  // namespace

void add_prompt_options(CLI::App& app, PromptOptions& options) {
  const std::string group = "Prompt (else standard input)";
  std::vector<CLI::Option*> sources = {
      app.add_option("-p,--prompt", options.text, "The prompt")
          ->option_text("TEXT"),
      app.add_option("-f,--file", options.file, "Read the prompt from a file")
          ->option_text("FILE"),
      app.add_option("--tokens", options.tokens,
                     "The prompt as token ids: \"1 2 3\"")
          ->option_text("IDS"),
      app.add_option("--prompts", options.prompts_file,
                     "A prompt a line, decoded together; with --json")
          ->option_text("FILE")};
  for (size_t i = 0; i < sources.size(); ++i) {
    sources[i]->group(group);
    for (size_t j = 0; j < i; ++j) sources[i]->excludes(sources[j]);
  }
  app.add_flag("--chat", options.chat,
               "The prompt is a user's message: apply the chat template")
      ->group(group)
      ->excludes(sources[2]);
  app.add_option("--system", options.system, "With --chat: a system message")
      ->option_text("TEXT")
      ->group(group);
  app.add_option("--template", options.template_file,
                 "With --chat: a Jinja template instead of the model's own")
      ->option_text("FILE")
      ->group(group);
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
