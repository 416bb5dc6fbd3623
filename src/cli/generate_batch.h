#ifndef PILOTFISH_CLI_GENERATE_BATCH_H_
#define PILOTFISH_CLI_GENERATE_BATCH_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/prompt_file.h"
#include "cli/session.h"
#include "pilotfish/engine.h"

namespace pilotfish::cli {

// One of many texts.
struct BatchText {
  std::optional<std::int64_t> line;    // of the prompts' file
  std::optional<std::int64_t> sample;  // from 1, where a prompt has several
  Request request;
  std::string error;                    // empty: none so far
  std::exception_ptr thrown = nullptr;  // what the error was, if not the line's
};

// The texts that the lines ask for, `samples` of a line with an error. The
// text with number i, counted from 0 through all lines, has the seed of the
// session's request plus i; of a line with a seed of its own, that seed and
// those after it.
std::vector<BatchText> texts_of(const std::vector<PromptLine>& lines,
                                const Session& session, std::int64_t samples);

// Decodes those without an error together, each with its own parameters, and
// hands over all of them in their order, each as soon as those before it are
// done. A text that fails has an error then, and no generation.
void generate_batch(
    Engine& engine, std::vector<BatchText>& texts,
    const std::function<void(const BatchText&, const Generation*)>& done);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_GENERATE_BATCH_H_
