#include "speculative/drafters/suffix_drafter.h"

#include <utility>

namespace pilotfish {

SuffixDrafter::SuffixDrafter(std::shared_ptr<const SuffixAutomaton> corpus)
    : corpus_(std::move(corpus)) {}

std::vector<Draft> SuffixDrafter::propose(
    std::span<const DraftRequest> requests) {
  std::vector<Draft> drafts(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const DraftRequest& request = requests[i];
    if (request.length == 0) continue;
    const Follower& follower = follow(*request.sequence);
    CopiedDraft copy(request);
    SuffixAutomaton::Match own = follower.text.repeated_suffix();
    SuffixAutomaton::Match shared = follower.in_corpus;
    std::int64_t from = follower.text.repeated_end();
    for (const Token token : copy.draft().tokens) {
      own = follower.text.follow(own, token);
      from = follower.text.end_of(own);
      if (corpus_) shared = corpus_->follow(shared, token);
    }
    if (own.length >= kShortest && own.length >= shared.length) {
      drafts[i] = repeated_draft(std::move(copy), *request.sequence, from);
    } else if (shared.length >= kShortest) {
      drafts[i] = from_corpus(std::move(copy), shared);
    }
  }
  return drafts;
}

SuffixDrafter::Follower& SuffixDrafter::follow(const Sequence& sequence) {
  Follower& follower = followers_.find_or_make(sequence.key);
  while (follower.text.size() < sequence.size()) {
    const Token token =
        sequence.tokens()[static_cast<size_t>(follower.text.size())];
    follower.text.extend(token);
    if (corpus_)
      follower.in_corpus = corpus_->follow(follower.in_corpus, token);
  }
  return follower;
}

Draft SuffixDrafter::from_corpus(CopiedDraft&& copy,
                                 SuffixAutomaton::Match match) const {
  while (true) {
    const SuffixAutomaton::Next next = corpus_->likely_next(match);
    if (next.token < 0 || !copy.add(next.token)) break;
    match = next.match;
  }
  return std::move(copy).take();
}

std::shared_ptr<const SuffixAutomaton> make_corpus(
    std::span<const Token> tokens) {
  auto corpus = std::make_shared<SuffixAutomaton>();
  for (const Token token : tokens) corpus->extend(token);
  corpus->count_occurrences();
  return corpus;
}

}  // namespace pilotfish
