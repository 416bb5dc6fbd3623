#ifndef PILOTFISH_SPECULATIVE_TREE_DRAFT_H_
#define PILOTFISH_SPECULATIVE_TREE_DRAFT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sampling/processors.h"
#include "speculative/drafter.h"
#include "speculative/drafters/tree_trust.h"

namespace pilotfish {

struct TreeLimits {
  std::int64_t tokens;  // in all
  std::int64_t depth;   // on a path
  std::int64_t width;   // siblings
  const TreeTrust& trust;
};

// A place that was drafted for, as TreeTrust learns from it.
struct TreePlace {
  double largest = 0;  // probability in q
  double later = 0;    // share of the tokens after the first; 0: there is none
};

// A draft in the making that may branch. It grows best first, by the token that
// is most likely to be accepted: so it is a chain where the draft model is sure
// of itself, and wide where it is not.
//
// At temperature 0 the candidates for a place are the most probable tokens.
// Otherwise siblings are sampled without replacement, and a likelihood must not
// look at the token it is for: were tokens taken in or left out for what they
// are, they would not be distributed as q says. It is estimated from how peaked
// q is, and what verdicts on such places were before.
class TreeDraft {
 public:
  // Draws into `draft`; both references must outlive this. Meanwhile the
  // sequence's history goes on into what is drafted.
  TreeDraft(const DraftRequest& request, const TreeLimits& limits,
            Draft& draft);

  const Sequence& sequence() const { return *request_->sequence; }
  const Draft& draft() const { return *draft_; }

  // The drafted tokens whose rows of logits `expand` wants next, in this order;
  // at first -1, the sequence's newest token. None: the draft is complete.
  std::span<const std::int32_t> open() const { return open_; }
  void expand(std::int32_t token, std::span<const float> logits,
              LogitsProcessor& processor);
  // What follows each token, [1 + tokens], the sequence's newest first.
  std::vector<TreePlace> places() const;
  // Adds tokens, until it takes more rows to go on. Requires: expand was called
  // for all that were open.
  void grow();

 private:
  // Where tokens are drawn: what may follow one token.
  struct Branching {
    std::int32_t parent;  // the token they follow
    std::int64_t place;   // theirs in the window
    double likelihood;    // that all tokens before are accepted
    std::size_t drawn = 0;
    // At temperature 0: the candidates, the most probable first.
    std::vector<Distribution::Entry> ranked = {};
    // Otherwise: what the next is drawn from. Empty: none is left.
    Distribution left = {};
    double largest = 0;  // probability in q
  };

  // Of what the first token of a branching leaves of q, by q: a later one's.
  double share(const Branching& branching, std::size_t rank) const;
  // Whether one more token of this likelihood pays.
  bool worth(double likelihood) const;
  bool greedy() const { return sequence().sampling().temperature == 0; }
  // That the next token of a branching is accepted; 0: there is none.
  double likelihood(const Branching& branching) const;
  Branching* most_likely();
  Token draw(Branching& branching);
  void look_ahead(std::int32_t token);

  const DraftRequest* request_;
  TreeLimits limits_;
  Draft* draft_;
  HistoryRollback rollback_;
  std::int64_t size_;       // of the sequence
  SamplingParams ranking_;  // at temperature 0: candidates are ranked by it
  std::vector<Branching> branchings_;
  std::vector<std::int64_t> places_;   // of each token
  std::vector<double> likelihoods_;    // of each token
  std::vector<std::size_t> drawn_at_;  // tokens, at each place
  std::vector<std::int32_t> open_ = {-1};
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_TREE_DRAFT_H_
