#ifndef PILOTFISH_CLI_PROMPT_H_
#define PILOTFISH_CLI_PROMPT_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "pilotfish/token.h"

namespace pilotfish::cli {

class Command;

// Where `generate` takes its prompt from: one of these, else standard input
// where that is not a terminal, else the empty prompt.
struct PromptOptions {
  std::optional<std::string> text;
  std::string file;
  std::optional<std::string> tokens;
  std::string prompts_file;  // one prompt a line
  bool chat = false;         // the prompt is a user's message
  std::string system;        // before it
  std::string template_file;
  bool parse_special = false;  // special tokens in the messages
};
// `several`: with --prompts.
void add_prompt_options(Command& command, PromptOptions& options,
                        bool several = true);

// The prompts as token ids; more than one only from `prompts_file`. Throws
// UsageError, Error.
std::vector<std::vector<Token>> read_prompts(const PromptOptions& options,
                                             const Session& session);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PROMPT_H_
