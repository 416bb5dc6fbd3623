#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFT_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sampling/processors.h"
#include "speculative/drafter.h"
#include "speculative/drafters/tree_trust.h"

namespace pilotfish {

// How large a tree may become, and how far its draft is trusted.
struct TreeLimits {
  std::int64_t tokens;  // the most in the whole tree
  std::int64_t depth;   // the most on a path
  std::int64_t width;   // the most that follow one token
  const TreeTrust& trust;
};

// What TreeTrust learns from about a place that was drafted for.
struct TreePlace {
  double largest = 0;  // the largest probability in q
  // The share that all tokens drawn after the first one are taken to have of
  // what the first one leaves; 0 where there is only one.
  double later = 0;
};

// A draft in the making that may branch. It grows best first, by the token that
// is most likely to be accepted: so it is a chain where the draft model is sure
// of itself, and wide where it is not.
//
// At temperature 0 the candidates for a place are the most probable tokens.
// Otherwise siblings are sampled without replacement, and the likelihood of a
// token must not depend on which token it is: were tokens taken in or left out
// for what they are, they would not be distributed as q says. The likelihood is
// estimated from how peaked q is and how verdicts on such places were before.
class TreeDraft {
 public:
  // Draws into `draft`. All three references must outlive this; meanwhile the
  // request's history goes on into what is drafted. Requires: the request has a
  // history.
  TreeDraft(const DraftRequest& request, const TreeLimits& limits,
            Draft& draft);

  const Sequence& sequence() const { return *request_->sequence; }
  const Draft& draft() const { return *draft_; }

  // The drafted tokens whose rows of logits `expand` wants next, in this order;
  // at first it is -1, the sequence's newest token. Once the draft is complete
  // there are none.
  std::span<const std::int32_t> open() const { return open_; }
  // Takes the row that follows `token`, one of those that are open. Nothing is
  // drafted behind it where the row gives no token.
  void expand(std::int32_t token, std::span<const float> logits,
              LogitsProcessor& processor);
  // What was drafted behind each token, [1 + tokens]: the sequence's newest one
  // comes first.
  std::vector<TreePlace> places() const;
  // Adds tokens until the tree is complete or takes more rows to go on.
  // Requires: expand was called for all that were open.
  void grow();

 private:
  // A token that others may follow, and those drawn so far.
  struct Branching {
    std::int32_t parent;  // the token that the drawn ones follow
    std::int64_t place;   // where in the window the drawn ones stand
    double likelihood;    // the chance that all tokens before are accepted
    std::size_t drawn = 0;
    // The candidates at temperature 0, the most probable first.
    std::vector<Distribution::Entry> ranked = {};
    // What the next token is drawn from at other temperatures; empty where no
    // token is left.
    Distribution left = {};
    double largest = 0;  // the largest probability in q
  };

  // The share that the token of this rank, 1 or more, is taken to have of what
  // the branching's first token leaves of q.
  double share(const Branching& branching, std::size_t rank) const;
  // Whether one more token of this likelihood pays.
  bool worth(double likelihood) const;
  bool greedy() const { return sequence().sampling().temperature == 0; }
  // The chance that the next token of a branching is accepted; 0 where none is
  // left.
  double likelihood(const Branching& branching) const;
  Branching* most_likely();
  Token draw(Branching& branching);
  void look_ahead(std::int32_t token);

  const DraftRequest* request_;
  TreeLimits limits_;
  Draft* draft_;
  HistoryRollback rollback_;
  std::int64_t size_;       // the sequence's
  SamplingParams ranking_;  // what ranks the candidates at temperature 0
  std::vector<Branching> branchings_;
  std::vector<std::int64_t> places_;   // [tokens], where each one stands
  std::vector<double> likelihoods_;    // [tokens]
  std::vector<std::size_t> drawn_at_;  // [depth], tokens drawn for each place
  std::vector<std::int32_t> open_ = {-1};
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_TREE_DRAFT_H_
