#ifndef PILOTFISH_SPECULATIVE_DRAFTERS_PREDICTION_DRAFTER_H_
#define PILOTFISH_SPECULATIVE_DRAFTERS_PREDICTION_DRAFTER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "speculative/drafter.h"

namespace pilotfish {

// Guesses that the output will be what the user predicted
// (SequenceOptions::prediction): a file that is to be edited, an answer that
// was given before. Where the output leaves it, the last tokens are looked up
// in it again, so that an inserted, changed or omitted passage costs no more
// than itself. Deterministic.
class PredictionDrafter final : public Drafter {
 public:
  static constexpr std::int64_t kLongest = 16;  // tokens that are looked up
  static constexpr std::int64_t kShortest = 2;  // fewer do not tell the place

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override;

 private:
  // Where in the prediction a sequence is.
  struct Place {
    std::int64_t seen = 0;  // generated tokens
    std::int64_t next = 0;  // index of the token that is predicted
    bool lost = false;      // it has left the prediction there
  };

  static void follow(std::span<const Token> prediction,
                     std::span<const Token> generated, Place& place);
  static void look_up(std::span<const Token> prediction,
                      std::span<const Token> generated, Place& place);

  PerSequence<Place> places_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_DRAFTERS_PREDICTION_DRAFTER_H_
