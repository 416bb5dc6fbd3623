#ifndef PILOTFISH_CLI_PROMPT_H_
#define PILOTFISH_CLI_PROMPT_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/session.h"
#include "cli/text_source.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/token.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

class Command;

// Where `generate` takes its prompt from: one of these, else standard input
// where that is not a terminal, else the empty prompt.
struct PromptOptions {
  TextSource source;
  std::optional<std::string> tokens;
  std::string prompts_file;           // a prompt a line (prompt_file.h)
  bool chat = false;                  // the prompt is a user's message
  std::optional<std::string> system;  // before it
  std::string template_file;
  bool parse_special = false;  // special tokens in the messages
};
// `several`: with --prompts.
void add_prompt_options(Command& command, PromptOptions& options,
                        bool several = true);

// A line for the user where the prompt begins with BOS twice.
void note_doubled_bos(const Tokenizer& tokenizer,
                      std::span<const Token> prompt);

// Makes tokens of prompts, as the options say. They and the session must
// outlive it.
class PromptEncoder {
 public:
  PromptEncoder(const PromptOptions& options, const Session& session)
      : options_(options), session_(session) {}

  std::vector<Token> encode(const std::string& text);

 private:
  std::vector<Token> encode_chat(const std::string& text);

  const PromptOptions& options_;
  const Session& session_;
  std::optional<ChatTemplate> template_;  // read for the first prompt
};

// The one prompt, as token ids. Throws UsageError, Error.
std::vector<Token> read_prompt(const PromptOptions& options,
                               const Session& session);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PROMPT_H_
