#ifndef PILOTFISH_CLI_DRAFTING_H_
#define PILOTFISH_CLI_DRAFTING_H_

#include <string>
#include <vector>

#include "cli/options.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/engine.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// A list of names in order of preference, "suffix,model", or "none". Throws
// UsageError.
std::vector<DrafterKind> parse_drafters(const std::string& list);

// What --drafter asks for, or follows from the other flags where it is not
// there. Empty: plain decoding. Throws UsageError for an unknown name, or one
// whose flags are missing or belong to another.
std::vector<DrafterKind> drafters_of(const DecodingOptions& options);

// Throws UsageError where --tree-width is out of range, or there is no drafter
// or acceptor for it.
void check_tree(const DecodingOptions& options, const TokenAcceptor& acceptor);

// "suffix, model"; "none" for none.
std::string drafters_text(const std::vector<DrafterKind>& drafters);

// The ways in which `text` is usually split into tokens: at the start of a
// line, after a space, and inside a line.
std::vector<std::vector<Token>> usual_tokens(const Tokenizer& tokenizer,
                                             const std::string& text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_DRAFTING_H_
