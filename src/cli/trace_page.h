#ifndef PILOTFISH_CLI_TRACE_PAGE_H_
#define PILOTFISH_CLI_TRACE_PAGE_H_

#include <string>
#include <vector>

#include "cli/session_facts.h"
#include "pilotfish/engine.h"
#include "pilotfish/tokenizer.h"

namespace pilotfish::cli {

// One generation, of a request with keep_proposals.
struct Trace {
  const Generation& generation;
  const std::vector<Token>& prompt;
  const Tokenizer* tokenizer = nullptr;  // null: ids stand for text
  std::string models;
  Facts facts = {};  // how it was made
};

// An HTML page: the text with each token's origin, and a line for each pass
// with what was drafted, accepted and rejected, p and q, and its time. Below
// 1 MB for 2,000 tokens, whatever they are: of very many passes or rejected
// guesses it shows the first, and says so.
std::string trace_page(const Trace& trace);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TRACE_PAGE_H_
