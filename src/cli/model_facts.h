#ifndef PILOTFISH_CLI_MODEL_FACTS_H_
#define PILOTFISH_CLI_MODEL_FACTS_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/options.h"
#include "cli/session.h"
#include "pilotfish/dtype.h"
#include "server/context.h"

namespace pilotfish::cli {

// "Llama-3.2-1B" of ".../Llama-3.2-1B/" and of ".../Llama-3.2-1B.gguf".
std::string model_name(const std::filesystem::path& path);

// What a server tells of its models, which `options` has loaded. `alias` may be
// empty.
server::ModelFacts model_facts(const Session& session,
                               const DecodingOptions& options,
                               const std::string& alias);

// Tells files of weights apart without reading all of them: a hash of their
// sizes and of places all over them.
std::string weights_fingerprint(const std::filesystem::path& model);

// Keys and values of one token, of target and draft together.
std::int64_t kv_bytes_per_token(const Session& session);

// "512M", "8G", "1.5G" (binary units), or bytes. Throws UsageError, naming the
// flag.
std::int64_t parse_bytes(std::string_view flag, std::string_view text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_MODEL_FACTS_H_
