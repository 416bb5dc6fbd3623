#include "speculative/drafters/copied_draft.h"

#include <algorithm>
#include <cassert>

namespace pilotfish {

Draft copied_draft(const Sequence& sequence, std::span<const Token> source,
                   std::int64_t from, std::int64_t length) {
  Draft draft;
  const std::int64_t end = std::min(from + length, std::ssize(source));
  for (std::int64_t i = from; i < end; ++i) {
    draft.tokens.push_back(source[static_cast<size_t>(i)]);
    if (sequence.is_stop(draft.tokens.back())) break;
  }
  return draft;
}

Draft repeated_draft(const Sequence& sequence, std::int64_t from,
                     std::int64_t length) {
  assert(from < sequence.size());
  Draft draft;
  for (std::int64_t i = from; i < from + length; ++i) {
    const std::int64_t drafted = i - sequence.size();
    draft.tokens.push_back(drafted < 0
                               ? sequence.tokens()[static_cast<size_t>(i)]
                               : draft.tokens[static_cast<size_t>(drafted)]);
    if (sequence.is_stop(draft.tokens.back())) break;
  }
  return draft;
}

}  // namespace pilotfish
