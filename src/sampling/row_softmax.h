#ifndef PILOTFISH_SAMPLING_ROW_SOFTMAX_H_
#define PILOTFISH_SAMPLING_ROW_SOFTMAX_H_

#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "pilotfish/token.h"
#include "sampling/logit_scan.h"
#include "sampling/truncation.h"

namespace pilotfish {

// The soft-max of a row, truncated on the way, so that only what is kept (and
// little more) is computed exactly. Each function replaces `entries` by what
// its truncation keeps of the whole row, without the tokens of no weight.
// Probabilities need not sum to 1, except in `all`. Holds scratch memory.
//
// Truncations decide as if the whole row were weighed in double precision.
// Where a mass is first computed in floats, its error is bounded, and a
// decision that the error could change is taken again with the exact mass.
class RowSoftmax {
 public:
  explicit RowSoftmax(LogitScan& scan) : scan_(scan) {}

  // Begins with the row that `scan` holds. Requires: scan.largest() finite,
  // temperature > 0.
  void begin(double temperature);

  // Keeps all, in the order of tokens; they sum to 1.
  void all(std::vector<Entry>& entries);
  // Keeps the k most probable, in the order of tokens. Requires: k > 0.
  void top(size_t k, std::vector<Entry>& entries);
  // Keeps those with at least this share of the largest, in the order of
  // tokens.
  void above(double share_of_largest, std::vector<Entry>& entries);
  // These two keep entries in no order.
  void nucleus(double top_p, std::vector<Entry>& entries);
  void typical(double typical_p, std::vector<Entry>& entries);

 private:
  // A logit is largest + temperature * exponent. Both round to the safe side.
  float no_more_than(double exponent) const;
  float no_less_than(double exponent) const;
  double exponent(Token token) const;

  LogitMass weigh_row();
  // Appends the tokens with their weights, and returns the sum of those.
  double append(std::span<const Token> tokens, std::vector<Entry>& entries);

  LogitScan& scan_;
  double temperature_ = 1;
  double inverse_temperature_ = 1;
  AlignedBuffer<float> gathered_;
  AlignedBuffer<double> weights_;
  std::vector<TypicalEntry> typical_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_ROW_SOFTMAX_H_
