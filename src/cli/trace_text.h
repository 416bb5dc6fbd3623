#ifndef PILOTFISH_CLI_TRACE_TEXT_H_
#define PILOTFISH_CLI_TRACE_TEXT_H_

#include <span>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// A pass of a generation: tokens [first, first + emitted) came out of it.
struct TracePass {
  const IterationStats& stats;
  size_t first = 0;
  size_t emitted = 0;
};
std::vector<TracePass> trace_passes(const Generation& generation);

// What each token adds to the text after `context`, for people to see: a
// special token as it is spelled, "…" for part of a character, the id where
// there is no tokenizer (null).
std::vector<std::string> token_texts(const Tokenizer* tokenizer,
                                     std::span<const Token> context,
                                     std::span<const Token> tokens);

// How many bytes of `text` make whole characters and are at most `most`.
size_t whole_characters(const std::string& text, size_t most);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TRACE_TEXT_H_
