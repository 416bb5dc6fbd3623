#ifndef PILOTFISH_ENGINE_REUSING_SCORER_H_
#define PILOTFISH_ENGINE_REUSING_SCORER_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "pilotfish/scorer.h"
#include "pilotfish/token.h"
#include "speculative/forwarding_scorer.h"

namespace pilotfish {

// A scorer whose sequences stay in its cache when they are released, until a
// new one needs their place. A new sequence takes over the released one that
// has the longest prefix in common with its text, truncated to that prefix, so
// that only the rest is encoded. A row's keys and values depend on the tokens
// before it alone, so what is found is bit for bit what would be encoded.
//
// What a sequence holds is recorded from the passes themselves, because not
// every user encodes a text from its beginning (FollowingDrafter). Ids are the
// inner scorer's own, and its views stay valid.
class ReusingScorer final : public ForwardingScorer {
 public:
  // `inner` is no view, has room for `max_sequences`, and no other user that
  // changes its sequences while this lives.
  ReusingScorer(std::shared_ptr<Scorer> inner, std::int64_t max_sequences);
  ~ReusingScorer() override;
  ReusingScorer(const ReusingScorer&) = delete;
  ReusingScorer& operator=(const ReusingScorer&) = delete;

  SequenceId create() override { return create_for({}); }
  SequenceId create_for(std::span<const Token> text) override;
  void release(SequenceId sequence) override;
  std::int64_t truncate(SequenceId sequence, std::int64_t length) override;
  std::int64_t keep(SequenceId sequence,
                    std::span<const std::int32_t> path) override;
  ForwardOutput forward(const Batch& batch) override;

 private:
  // What the cache holds of a sequence.
  struct Contents {
    std::vector<Token> tokens;
    // Rows behind them, until `keep` or `truncate`.
    std::vector<Token> tree = {};
    // A pass with this sequence threw, so nobody knows what it has written.
    bool damaged = false;
  };
  struct Released {
    SequenceId id;
    std::vector<Token> tokens;
  };

  void shorten(Contents& contents, std::int64_t length);
  std::list<Released>::iterator choose(std::span<const Token> text);

  std::int64_t max_sequences_;
  std::map<SequenceId, Contents> in_use_;
  std::list<Released> released_;  // the least recently used first
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_REUSING_SCORER_H_
