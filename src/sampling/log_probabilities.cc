#include "sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace pilotfish {
namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

float value(float logit) { return std::isnan(logit) ? kNothing : logit; }

// x minus this is x's log-probability.
double log_of_sum(std::span<const float> logits) {
  float largest = kNothing;
  for (const float logit : logits) largest = std::max(largest, value(logit));
  if (std::isinf(largest)) return largest;
  double sum = 0;
  for (const float logit : logits) {
    if (!std::isnan(logit)) sum += std::exp(double{logit} - double{largest});
  }
  return double{largest} + std::log(sum);
}

}  // namespace

double log_probability(std::span<const float> logits, Token token) {
  return value(logits[static_cast<size_t>(token)]) - log_of_sum(logits);
}

TokenLogprobs log_probabilities(std::span<const float> logits, Token token,
                                std::int64_t count) {
  const double all = log_of_sum(logits);
  const auto of = [&](Token id) {
    return value(logits[static_cast<size_t>(id)]) - all;
  };
  TokenLogprobs result{of(token), {}};
  if (count == 0) return result;
  std::vector<Token> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(count, std::ssize(order));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [&](Token a, Token b) {
                      const float x = value(logits[static_cast<size_t>(a)]);
                      const float y = value(logits[static_cast<size_t>(b)]);
                      return x > y || (x == y && a < b);
                    });
  for (std::int64_t i = 0; i < kept; ++i) {
    const Token id = order[static_cast<size_t>(i)];
    result.top.push_back({id, of(id)});
  }
  return result;
}

}  // namespace pilotfish
