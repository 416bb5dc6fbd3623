#include "speculative/drafters/suffix_drafter.h"

#include <utility>

#include "speculative/drafters/copied_draft.h"

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
    const std::int32_t own = follower.text.repeated_suffix().length;
    const std::int32_t shared = follower.in_corpus.length;
    if (own >= kShortest && own >= shared) {
      drafts[i] = repeated_draft(request, follower.text.repeated_end());
    } else if (shared >= kShortest) {
      drafts[i] = from_corpus(request, follower.in_corpus);
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

Draft SuffixDrafter::from_corpus(const DraftRequest& request,
                                 SuffixAutomaton::Match match) const {
  CopiedDraft copy(request);
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
