#include "speculative/drafters/copied_draft.h"

#include <cassert>

namespace pilotfish {

bool CopiedDraft::add(Token token) {
  if (std::ssize(draft_.tokens) == length_ || !walk_.take(token)) return false;
  draft_.tokens.push_back(token);
  return std::ssize(draft_.tokens) < length_ && !walk_.ended();
}

Draft copied_draft(const DraftRequest& request, std::span<const Token> source,
                   std::int64_t from) {
  CopiedDraft copy(request);
  for (std::int64_t i = from; i < std::ssize(source); ++i) {
    if (!copy.add(source[static_cast<size_t>(i)])) break;
  }
  return std::move(copy).take();
}

Draft repeated_draft(const DraftRequest& request, std::int64_t from) {
  const Sequence& sequence = *request.sequence;
  assert(from < sequence.size());
  CopiedDraft copy(request);
  const auto token = [&](std::int64_t i) {
    const std::int64_t drafted = i - sequence.size();
    return drafted < 0 ? sequence.tokens()[static_cast<size_t>(i)]
                       : copy.draft().tokens[static_cast<size_t>(drafted)];
  };
  while (copy.add(token(from))) ++from;
  return std::move(copy).take();
}

}  // namespace pilotfish
