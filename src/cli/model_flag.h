#ifndef PILOTFISH_CLI_MODEL_FLAG_H_
#define PILOTFISH_CLI_MODEL_FLAG_H_

#include <string>

#include "cli/flags.h"

namespace pilotfish::cli {

// The model that a command works with, as its flags name it: a path, or
// org/name in the Hugging Face cache. Empty: the one that comes with pilotfish.

// -m,--model, and other names. `kind`: what it can be beside org/name.
Flag add_model_flag(
    const FlagGroup& group, std::string& model,
    const std::string& names = "-m,--model",
    const std::string& kind = "Hugging Face folder or GGUF file");

// The path that `model` stands for. Throws UsageError where none comes with
// pilotfish, Error for a repository that is not in the cache.
std::string target_path(const std::string& model);
// The same for a draft, which may be "none": empty.
std::string draft_path(const std::string& model);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MODEL_FLAG_H_
