#ifndef PILOTFISH_CLI_SESSION_H_
#define PILOTFISH_CLI_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/drafters.h"
#include "pilotfish/engine.h"
#include "pilotfish/model.h"
#include "pilotfish/pair.h"

namespace pilotfish::cli {

// What the flags say of loading the model: all but its threads and progress.
LoadOptions load_options(const ComputeOptions& options);

// Loads a model with a progress line named `label`, and notes what did not get
// the dtype asked for.
std::shared_ptr<Model> load_model(const std::string& path,
                                  std::string_view label, LoadOptions options);

// What a command decodes with, as its flags describe it.
struct Session : Pair {
  EngineOptions engine;    // all but the positions and sequences
  Request request;         // all but the prompt
  bool synthetic = false;  // what comes out is not a model's text
  int threads = 0;
  double load_seconds = 0;  // until models and tokenizers were ready
};

// A team of so many threads (0: one a processor), with a note where fewer could
// be started. Throws UsageError.
std::shared_ptr<ThreadTeam> start_threads(int count);

// Checks the options, finds the default models, and opens the pair with
// progress lines and notes. Throws UsageError, Error.
Session open_session(DecodingOptions options);

// Positions a sequence needs: what the user said, else what the prompts and the
// longest text take.
std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session,
                           const std::vector<std::vector<Token>>& prompts);
std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session, const Request& request);

EngineOptions engine_options(const Session& session, std::int64_t n_positions,
                             std::int64_t max_sequences = 1);

// Steps until `id` has finished, showing how much of a long prompt is encoded.
// `interrupted` (may be null) is asked between steps.
Generation run_request(Engine& engine, RequestId id,
                       const std::function<bool()>& interrupted);

// The text of a chat template in a file; empty where `file` is. Throws Error
// where it cannot be read or holds nothing.
std::string read_template(const std::string& file);

// The template in a file; empty for no file's name. Throws Error for an empty
// file.
std::string read_template(const std::string& file);
// The model's chat template, or that of `template_file`. Throws UsageError
// where there is none.
ChatTemplate load_template(const Session& session,
                           const std::string& template_file);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SESSION_H_
