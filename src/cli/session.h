#ifndef PILOTFISH_CLI_SESSION_H_
#define PILOTFISH_CLI_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/engine.h"
#include "pilotfish/model.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// Loads a model with a progress line named `label`.
std::shared_ptr<Model> load_model(const std::string& path,
                                  std::string_view label, LoadOptions options);

// What `generate` and `chat` decode with.
struct Session {
  std::shared_ptr<Model> target;
  std::shared_ptr<Model> draft;                // may be null
  std::shared_ptr<const Tokenizer> tokenizer;  // may be null
  std::shared_ptr<const TokenAcceptor> acceptor;
  std::vector<DrafterKind> drafters;  // empty: plain decoding
  std::int64_t skip_layers = 0;
  std::int64_t tree_width = 1;
  std::vector<Token> corpus;
  std::vector<Token> prediction;
  SamplingParams sampling;
  DType kv_dtype = DType::kF16;
  bool synthetic = false;  // what comes out is not a model's text
  int threads = 0;

  // The tokenizer. Throws UsageError where the model has none; `need` says what
  // for.
  const Tokenizer& text(std::string_view need) const;
};

// Checks the options, finds the default models, and loads both; a draft whose
// tokenizer differs is refused. Throws UsageError, Error.
Session open_session(DecodingOptions options);

// Positions a sequence needs: what the prompts and the longest text take, if
// the user did not say, and at most what the model was made for.
std::int64_t positions_for(const DecodingOptions& options,
                           const Session& session,
                           const std::vector<std::vector<Token>>& prompts);

EngineOptions engine_options(const Session& session, std::int64_t n_positions,
                             std::int64_t max_sequences = 1);
// All but the prompt.
Request make_request(const Session& session, const DecodingOptions& options);

// Steps until `id` has finished, showing how much of a long prompt is encoded.
// `interrupted` (may be null) is asked between steps.
Generation run_request(Engine& engine, RequestId id,
                       const std::function<bool()>& interrupted);

// The model's chat template, or that of `template_file`. Throws UsageError
// where there is none.
ChatTemplate load_template(const Session& session,
                           const std::string& template_file);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SESSION_H_
