#include "engine/reusing_scorer.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace pilotfish {
namespace {

std::int64_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

}  // namespace

ReusingScorer::ReusingScorer(std::shared_ptr<Scorer> inner,
                             std::int64_t max_sequences)
    : ForwardingScorer(std::move(inner)), max_sequences_(max_sequences) {
  assert(!inner_->is_view());
}

ReusingScorer::~ReusingScorer() {
  for (const Released& released : released_) inner_->release(released.id);
}

// The released sequence to take over; end(): take a place that is still free.
// A free place is preferred to a sequence that would lose more than it keeps:
// conversations have their first tokens in common, and one must not evict
// another while there is room for both.
std::list<ReusingScorer::Released>::iterator ReusingScorer::choose(
    std::span<const Token> text) {
  auto best = released_.end();
  std::int64_t longest = -1;
  for (auto it = released_.begin(); it != released_.end(); ++it) {
    const std::int64_t common = common_prefix(it->tokens, text);
    if (common <= longest) continue;
    longest = common;
    best = it;
  }
  if (best == released_.end()) return best;
  const bool has_free_place =
      std::ssize(in_use_) + std::ssize(released_) < max_sequences_;
  const bool loses_most = std::ssize(best->tokens) > 2 * longest;
  return has_free_place && loses_most ? released_.end() : best;
}

SequenceId ReusingScorer::create_for(std::span<const Token> text) {
  const auto taken = choose(text);
  if (taken == released_.end()) {
    const SequenceId id = inner_->create();
    in_use_[id] = {};
    return id;
  }
  const SequenceId id = taken->id;
  Contents contents = {.tokens = std::move(taken->tokens)};
  released_.erase(taken);
  // The last token must be encoded for its logits.
  const std::int64_t most = std::max<std::int64_t>(0, std::ssize(text) - 1);
  const std::int64_t common =
      std::min(common_prefix(contents.tokens, text), most);
  shorten(contents, inner_->truncate(id, common));
  in_use_[id] = std::move(contents);
  return id;
}

void ReusingScorer::release(SequenceId sequence) {
  const auto found = in_use_.find(sequence);
  assert(found != in_use_.end());
  Contents contents = std::move(found->second);
  in_use_.erase(found);
  if (contents.damaged) {
    inner_->release(sequence);
    return;
  }
  released_.push_back({sequence, std::move(contents.tokens)});
}

std::int64_t ReusingScorer::truncate(SequenceId sequence, std::int64_t length) {
  const std::int64_t reached = inner_->truncate(sequence, length);
  shorten(in_use_.at(sequence), reached);
  return reached;
}

std::int64_t ReusingScorer::keep(SequenceId sequence,
                                 std::span<const std::int32_t> path) {
  const std::int64_t reached = inner_->keep(sequence, path);
  Contents& contents = in_use_.at(sequence);
  if (!contents.damaged) {
    for (const std::int32_t row : path) {
      contents.tokens.push_back(contents.tree[static_cast<size_t>(row)]);
    }
  }
  shorten(contents, reached);
  return reached;
}

void ReusingScorer::shorten(Contents& contents, std::int64_t length) {
  contents.tree.clear();
  if (length < std::ssize(contents.tokens)) {
    contents.tokens.resize(static_cast<size_t>(length));
  }
}

ForwardOutput ReusingScorer::forward(const Batch& batch) {
  ForwardOutput output;
  try {
    output = inner_->forward(batch);
  } catch (...) {
    for (const Batch::Entry& entry : batch.entries()) {
      in_use_.at(entry.sequence).damaged = true;
    }
    throw;
  }
  for (const Batch::Entry& entry : batch.entries()) {
    const auto rows = batch.tokens().subspan(
        static_cast<size_t>(entry.first_row), static_cast<size_t>(entry.rows));
    Contents& contents = in_use_.at(entry.sequence);
    std::vector<Token>& grown = entry.is_tree ? contents.tree : contents.tokens;
    grown.insert(grown.end(), rows.begin(), rows.end());
  }
  return output;
}

}  // namespace pilotfish
