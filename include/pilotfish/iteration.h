#ifndef PILOTFISH_ITERATION_H_
#define PILOTFISH_ITERATION_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// Where an emitted token came from.
enum class Origin {
  kAccepted,   // proposed by the draft, kept by the target
  kRecovered,  // the target's correction of a rejected proposal
  kBonus,      // the target's own, after everything proposed was kept
};
std::string_view origin_name(Origin origin);

enum class FinishReason {
  kStopToken,  // one of the model's end tokens or the request's stop ids
  kStopString,
  kMaxTokens,
  kNPositions,  // the sequence is as long as its cache
  kCancelled,
};
std::string_view finish_reason_name(FinishReason reason);

// A drafted token, and how probable it was to either, processors applied.
struct Proposal {
  Token token = -1;
  double draft_probability = 0;   // q, with which it was proposed
  double target_probability = 0;  // p, after the tokens drafted before it
  std::int32_t parent = -1;  // the proposal it follows; -1: the first place
};

// The target's own log-probabilities at an emitted token's place: natural log,
// of its logits as they are, before any sampling parameter.
struct TokenLogprobs {
  struct Candidate {
    Token token;
    double logprob;
  };
  double logprob = 0;          // of the emitted token
  std::vector<Candidate> top;  // the most probable ones, the best first
};

// One iteration of one sequence: a draft, a target pass, a verdict.
struct IterationStats {
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;    // drafted tokens among those emitted
  std::int64_t emitted = 0;     // tokens, none of them behind the text's end
  std::int64_t tree_depth = 0;  // places drafted for, of a tree; 0: a chain
  // Which of the engine's drafters drafted, where one did, by its place in
  // Engine::drafters().
  std::size_t drafter = 0;
  double draft_seconds = 0;   // of the whole batch
  double verify_seconds = 0;  // the target's pass, of the whole batch
  double total_seconds = 0;   // of the whole iteration, bookkeeping included
  // [drafted], of a request that keeps them; else empty.
  std::vector<Proposal> proposals = {};

  // Places of the window that were drafted for.
  std::int64_t places() const { return tree_depth > 0 ? tree_depth : drafted; }
};

}  // namespace pilotfish

#endif  // PILOTFISH_ITERATION_H_
