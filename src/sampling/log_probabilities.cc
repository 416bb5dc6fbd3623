#include "sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/kernels.h"
#include "sampling/logit_scan.h"

namespace pilotfish {
namespace {

// x minus this is x's log-probability.
double log_of_sum(std::span<const float> logits, const LogitKernels& kernels) {
  constexpr size_t kChunk = 1024;
  double weights[kChunk];
  const auto size = std::ssize(logits);
  float largest = 0;
  kernels.block_maxima(logits.data(), size, (size + 15) / 16 * 16, &largest);
  double sum = 0;
  for (size_t i = 0; i < logits.size(); i += kChunk) {
    const auto chunk = logits.subspan(i, std::min(kChunk, logits.size() - i));
    sum += kernels.weigh(chunk.data(), std::ssize(chunk), largest, 1, weights)
               .total;
  }
  return double{largest} + std::log(sum);
}

}  // namespace

double log_probability(std::span<const float> logits, Token token) {
  return logits[static_cast<size_t>(token)] -
         log_of_sum(logits, best_kernels().logits);
}

TokenLogprobs log_probabilities(std::span<const float> logits, Token token,
                                std::int64_t count) {
  const LogitKernels& kernels = best_kernels().logits;
  const double all = log_of_sum(logits, kernels);
  const auto of = [&](Token id) {
    return logits[static_cast<size_t>(id)] - all;
  };
  TokenLogprobs result{of(token), {}};
  if (count == 0) return result;
  LogitScan scan(kernels);
  scan.scan(logits);
  const auto top = scan.top(static_cast<size_t>(count));
  for (const Token id : top) result.top.push_back({id, of(id)});
  std::stable_sort(
      result.top.begin(), result.top.end(),
      [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
  return result;
}

}  // namespace pilotfish
