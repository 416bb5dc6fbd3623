#ifndef PILOTFISH_SAMPLING_LOGIT_SCAN_H_
#define PILOTFISH_SAMPLING_LOGIT_SCAN_H_

#include <cstddef>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/logits.h"
#include "pilotfish/token.h"

namespace pilotfish {

// Finds the large logits of a row without ordering it: from the largest of each
// block, most blocks are known not to matter. NaN is found by nothing. Holds
// scratch memory, to be used for row after row.
class LogitScan {
 public:
  explicit LogitScan(const LogitKernels& kernels) : kernels_(kernels) {}

  // Takes in a row, which must stay as it is while it is asked about.
  // Requires: !row.empty().
  void scan(std::span<const float> row);

  std::span<const float> row() const {
    return {row_.logits, static_cast<size_t>(row_.size)};
  }
  // Whether no logit is NaN or infinite.
  bool all_finite() const { return all_finite_; }
  // -infinity: there is nothing else but NaN.
  float largest() const { return largest_; }
  // Whether most blocks have nothing above -infinity, as where a rule allows
  // few tokens: then `between` takes less time than a look at all logits.
  bool is_sparse() const;
  // The smallest of the tokens that have it. Requires: largest() > -infinity.
  Token argmax() const;

  // Valid until the next call that gives tokens: those whose logits lie in
  // [low, high], ascending.
  std::span<const Token> between(float low, float high);
  // The k of the largest logits above -infinity, the smaller id among equals;
  // ascending. Fewer where there are fewer. Requires: k > 0.
  std::span<const Token> top(size_t k);

  // These call the functions of LogitKernels of the same names for this row.
  double approximate_mass(float inverse_temperature) const {
    return kernels_.approximate_mass(row_, largest_, inverse_temperature);
  }
  LogitMass weigh(double inverse_temperature, double* out) const {
    return kernels_.weigh(row_.logits, row_.size, largest_, inverse_temperature,
                          out);
  }
  // Weighs some of the row's logits.
  LogitMass weigh(std::span<const float> logits, double inverse_temperature,
                  double* out) const {
    return kernels_.weigh(logits.data(), std::ssize(logits), largest_,
                          inverse_temperature, out);
  }

 private:
  bool find_maxima(std::int64_t block);
  float lower_bound_of_top(size_t k);

  const LogitKernels& kernels_;
  LogitRow row_;
  float largest_ = 0;
  bool all_finite_ = true;
  std::vector<float> maxima_;
  std::vector<float> ordered_;  // scratch
  AlignedBuffer<Token> tokens_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_LOGIT_SCAN_H_
