#include "sampling/logit_scan.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>

namespace pilotfish {
namespace {

// Elements: few enough for the top-k to lie in few of the blocks, many enough
// for their maxima to be next to nothing; and for a larger k.
constexpr std::int64_t kBlock = 128;
constexpr std::int64_t kSmallBlock = 16;

}  // namespace

void LogitScan::scan(std::span<const float> row) {
  assert(!row.empty());
  row_.logits = row.data();
  row_.size = std::ssize(row);
  tokens_.reserve(row.size());
  all_finite_ = find_maxima(kBlock);
  largest_ = *std::max_element(maxima_.begin(), maxima_.end());
}

bool LogitScan::find_maxima(std::int64_t block) {
  row_.block = block;
  maxima_.resize(static_cast<size_t>(row_.blocks()));
  row_.maxima = maxima_.data();
  return kernels_.block_maxima(row_.logits, row_.size, block, maxima_.data());
}

bool LogitScan::is_sparse() const {
  const auto banned =
      std::ranges::count(maxima_, -std::numeric_limits<float>::infinity());
  return 2 * banned > std::ssize(maxima_);
}

Token LogitScan::argmax() const {
  const auto block =
      std::find(maxima_.begin(), maxima_.end(), largest_) - maxima_.begin();
  const auto tokens = row();
  return static_cast<Token>(
      std::find(tokens.begin() + block * row_.block, tokens.end(), largest_) -
      tokens.begin());
}

std::span<const Token> LogitScan::between(float low, float high) {
  const std::int64_t count = kernels_.select(row_, low, high, tokens_.data());
  return {tokens_.data(), static_cast<size_t>(count)};
}

std::span<const Token> LogitScan::top(size_t k) {
  const auto found =
      between(lower_bound_of_top(k), std::numeric_limits<float>::infinity());
  if (found.size() <= k) return found;
  Token* const begin = tokens_.data();
  Token* const end = begin + k;
  std::nth_element(begin, end, begin + found.size(), [this](Token a, Token b) {
    const float x = row_.logits[a];
    const float y = row_.logits[b];
    return x > y || (x == y && a < b);
  });
  std::sort(begin, end);
  return {begin, end};
}

// No more than k logits are larger than the k-th largest of the maxima, each of
// which is in another block.
float LogitScan::lower_bound_of_top(size_t k) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  if (k > maxima_.size() && row_.block != kSmallBlock) {
    find_maxima(kSmallBlock);
  }
  if (k > maxima_.size()) return kLowest;
  ordered_ = maxima_;
  const auto kth = ordered_.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(ordered_.begin(), kth, ordered_.end(), std::greater<>());
  return std::max(*kth, kLowest);
}

}  // namespace pilotfish
