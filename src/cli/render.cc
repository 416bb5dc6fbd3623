#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/model_flag.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

struct RenderFlags {
  std::string model;
  std::string messages_file;  // empty or "-": standard input
  std::string tools_file;
  std::string template_file;
  std::string variables;
  bool no_generation_prompt = false;
  bool parse_special = false;
  bool ids = false;
  bool json = false;
};

ChatOptions chat_options(const RenderFlags& options) {
  ChatOptions chat;
  chat.add_generation_prompt = !options.no_generation_prompt;
  chat.variables_json = options.variables;
  if (!options.tools_file.empty()) {
    chat.tools_json = read_file(options.tools_file);
  }
  return chat;
}

// The library's message `what`, with the file or flag that it is about;
// `messages` names the source of the conversation.
std::string with_source(const RenderFlags& options, const std::string& messages,
                        std::string_view what) {
  for (const auto& [lead, source] :
       {std::pair<std::string_view, std::string_view>(
            "chat options, tools_json", options.tools_file),
        {"chat options, variables_json", "--variables"}}) {
    if (!what.starts_with(lead)) continue;
    return fmt::format("{}{}", source, what.substr(lead.size()));
  }
  return fmt::format("{}: {}", messages, what);
}

RenderedChat rendered(const RenderFlags& options, const Tokenizer& tokenizer) {
  const ChatTemplate chat = chat_template_of(
      tokenizer, read_template(options.template_file), options.model);
  const bool from_stdin =
      options.messages_file.empty() || options.messages_file == "-";
  const std::string conversation =
      from_stdin ? read_stdin() : read_file(options.messages_file);
  try {
    return chat.render_json(conversation, chat_options(options));
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    throw Error(with_source(
        options, from_stdin ? "standard input" : options.messages_file,
        error.what()));
  }
}

Json prompt_json(const RenderedChat& prompt, const std::vector<Token>& tokens) {
  Json content = Json::array();
  for (const TextRange& range : prompt.content) {
    content.push_back({range.begin, range.end});
  }
  return {{"text", prompt.text},
          {"content", std::move(content)},
          {"tokens", tokens}};
}

void run_render(RenderFlags options) {
  options.model = target_path(options.model);
  const auto tokenizer = Tokenizer::load(options.model);
  const RenderedChat prompt = rendered(options, *tokenizer);
  EncodeOptions encode;
  encode.add_special = false;  // the template writes BOS itself
  if (!options.parse_special) encode.literal = prompt.content;
  const std::vector<Token> tokens = tokenizer->encode(prompt.text, encode);
  if (options.json) {
    write_out(dump(prompt_json(prompt, tokens)));
  } else if (options.ids) {
    write_out(fmt::format("{}\n", fmt::join(tokens, " ")));
  } else {
    write_out(prompt.text);
    if (stdout_is_terminal()) write_out("\n");
  }
  note_doubled_bos(*tokenizer, tokens);
}

}  // namespace

void add_render(CommandLine& line) {
  Command command = line.add_command(
      "render", "What a chat template makes of a conversation");
  const auto options = std::make_shared<RenderFlags>();
  const FlagGroup group = command.group();
  add_model_flag(group, options->model, "-m,--model",
                 "Hugging Face folder, tokenizer file or GGUF file");
  group.add("--messages", options->messages_file, "FILE",
            "JSON: an array of messages, or an object with \"messages\" and "
            "\"tools\"; else standard input");
  group.add("--tools", options->tools_file, "FILE",
            "JSON: an array of tools for the template");
  group.add("--template", options->template_file, "FILE",
            "A Jinja template instead of the model's own");
  group.add("--variables", options->variables, "JSON",
            "An object of more variables: '{\"enable_thinking\": false}'");
  group.add_switch("--no-generation-prompt", options->no_generation_prompt,
                   "Stop after the last message");
  group.add_switch("--parse-special", options->parse_special,
                   "Read special tokens in messages too, as in "
                   "\"<|im_end|>\"; else only the template's own are special");
  const Flag ids =
      group.add_switch("--ids", options->ids, "Token ids instead of the text");
  group
      .add_switch("--json", options->json,
                  "One JSON object: the text, the byte ranges of it that came "
                  "from the conversation, and the token ids")
      .excludes(ids);
  command.on_run([options] { run_render(*options); });
}

}  // namespace pilotfish::cli
