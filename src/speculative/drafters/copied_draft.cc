#include "speculative/drafters/copied_draft.h"

#include <cassert>
#include <utility>

namespace pilotfish {

CopiedDraft::CopiedDraft(const DraftRequest& request)
    : request_(&request), walk_(request.sequence->rule_walk()) {
  if (request.takes_forced) add_forced();
  begun_ = draft_.size();
}

bool CopiedDraft::add(Token token) {
  const auto is_full = [&] {
    return std::ssize(draft_.tokens) == request_->length;
  };
  if (is_full() || walk_.ended() || !walk_.take(token)) return false;
  draft_.tokens.push_back(token);
  return !is_full() && !walk_.ended();
}

bool CopiedDraft::add_forced() {
  const std::int64_t left = request_->length - std::ssize(draft_.tokens);
  if (walk_.ended() || walk_.rule() == nullptr) return left > 0;
  for (const Token token :
       forced_next(walk_.rule(), walk_.state(), output(), left)) {
    if (!add(token)) return false;
  }
  return std::ssize(draft_.tokens) < request_->length;
}

std::vector<Token> CopiedDraft::output() const {
  const std::span<const Token> generated = request_->sequence->generated();
  std::vector<Token> output(generated.begin(), generated.end());
  output.insert(output.end(), draft_.tokens.begin(), draft_.tokens.end());
  return output;
}

Draft CopiedDraft::take() && {
  if (draft_.size() == begun_) return {};
  if (request_->takes_forced) add_forced();
  return std::move(draft_);
}

Draft copied_draft(CopiedDraft&& copy, std::span<const Token> source,
                   std::int64_t from) {
  for (std::int64_t i = from; i < std::ssize(source); ++i) {
    if (!copy.add(source[static_cast<size_t>(i)])) break;
  }
  return std::move(copy).take();
}

Draft repeated_draft(CopiedDraft&& copy, const Sequence& sequence,
                     std::int64_t from) {
  const auto token = [&](std::int64_t i) {
    const std::int64_t drafted = i - sequence.size();
    assert(drafted < std::ssize(copy.draft().tokens));
    return drafted < 0 ? sequence.tokens()[static_cast<size_t>(i)]
                       : copy.draft().tokens[static_cast<size_t>(drafted)];
  };
  while (copy.add(token(from))) ++from;
  return std::move(copy).take();
}

}  // namespace pilotfish
