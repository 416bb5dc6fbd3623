#ifndef PILOTFISH_CLI_PROMPT_FILE_H_
#define PILOTFISH_CLI_PROMPT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/prompt.h"
#include "pilotfish/engine.h"

namespace pilotfish::cli {

// What a line of a --prompts file asks for. A file has a prompt a line, as it
// is; or, where its name ends in .jsonl or its first line is a JSON object with
// a "prompt", an object a line, blank lines left out:
//
//   {"prompt": "Once upon", "n": 2, "seed": 7, "temperature": 0.8, "stop": "."}
//
// "prompt" is a text or a list of token ids. The others are those of the
// library's sampling table and max_tokens, n, stop, stop_ids, ignore_eos,
// logprobs, window, and those of LineConstraints; what a line leaves out, or
// sets to null, is as the flags say.
struct PromptLine {
  std::int64_t number = 0;   // in the file, from 1
  Request request;           // all but the seed
  std::int64_t samples = 1;  // texts to draw
  bool has_seed = false;     // in request.sampling; else it is --seed's
  std::string error = {};    // what is wrong with the line; empty: nothing
};

inline constexpr std::int64_t kMostSamples = 100'000;

// The lines of options.prompts_file. A bad one has an error, and the others are
// as if it were good. `samples`: of lines that do not say; `json`: of all
// schemas. Throws Error for a file that cannot be read, UsageError for an empty
// one.
std::vector<PromptLine> read_prompt_file(const PromptOptions& options,
                                         const Session& session,
                                         std::int64_t samples,
                                         const JsonSchemaOptions& json);

// The prompts of a file alone, for commands that set the parameters
// themselves. Throws UsageError, with its number, for a line that is bad or has
// parameters.
std::vector<std::vector<Token>> read_prompts(const std::string& file,
                                             const Session& session);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_PROMPT_FILE_H_
