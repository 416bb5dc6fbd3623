#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_

#include <cstdint>
#include <span>

#include "pilotfish/acceptor.h"
#include "pilotfish/token.h"
#include "speculative/sequence.h"

namespace pilotfish {

// A deterministic draft that copies `source` from index `from` on: at most
// `length` tokens, up to the first stop token.
Draft copied_draft(const Sequence& sequence, std::span<const Token> source,
                   std::int64_t from, std::int64_t length);

// The same from the sequence itself. Past its end the copy goes on with what it
// has drafted, so a period that began is repeated. Requires: from < size().
Draft repeated_draft(const Sequence& sequence, std::int64_t from,
                     std::int64_t length);

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_COPIED_DRAFT_H_
