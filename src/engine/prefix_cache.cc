#include "engine/prefix_cache.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace pilotfish {
namespace {

std::int64_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

bool begins_with(std::span<const Token> text, std::span<const Token> prefix) {
  return common_prefix(prefix, text) == std::ssize(prefix);
}

}  // namespace

PrefixCache::PrefixCache(std::shared_ptr<Scorer> inner)
    : ForwardingScorer(std::move(inner)) {
  assert(!inner_->is_view());
}

PrefixCache::~PrefixCache() {
  for (const Kept& kept : kept_) inner_->release(kept.id);
}

PrefixCache::Source PrefixCache::find(std::span<const Token> text,
                                      std::string_view salt) {
  Source best = {.kept = kept_.end()};
  const auto length_in = [&](const Contents& contents) {
    if (contents.damaged || contents.salt != salt) return std::int64_t{0};
    return common_prefix(contents.tokens, text);
  };
  // Of two that are as long, the one used last: it stays longest.
  for (auto it = kept_.begin(); it != kept_.end(); ++it) {
    const std::int64_t length = length_in(it->contents);
    if (length > 0 && length >= best.length) {
      best = {.length = length, .kept = it};
    }
  }
  for (const auto& [id, contents] : in_use_) {
    const std::int64_t length = length_in(contents);
    if (length > best.length) {
      best = {.length = length, .in_use = id, .kept = kept_.end()};
    }
  }
  // The last token must be encoded for its logits.
  best.length = std::min(best.length, std::ssize(text) - 1);
  return best;
}

SequenceId PrefixCache::create_for(std::span<const Token> text,
                                   std::string_view salt) {
  const Source source = find(text, salt);
  if (source.length <= 0) {
    const SequenceId id = inner_->create();
    in_use_[id] = {.tokens = {}, .salt = std::string(salt)};
    return id;
  }
  return begin_with(source, text);
}

// A text that goes on where a released sequence ends takes it over. Any other
// shares the beginning, and what it comes from stays whole.
SequenceId PrefixCache::begin_with(const Source& source,
                                   std::span<const Token> text) {
  if (source.in_use >= 0) return fork(source.in_use, source.length);
  if (begins_with(text, source.kept->contents.tokens)) {
    const SequenceId id = source.kept->id;
    Contents contents = take_out(source.kept);
    shorten(contents, inner_->truncate(id, source.length));
    in_use_[id] = std::move(contents);
    return id;
  }
  kept_.splice(kept_.end(), kept_, source.kept);
  const SequenceId id = inner_->fork(source.kept->id, source.length);
  Contents contents = source.kept->contents;
  shorten(contents, inner_->length(id));
  in_use_[id] = std::move(contents);
  return id;
}

SequenceId PrefixCache::fork(SequenceId parent, std::int64_t length) {
  const SequenceId id = inner_->fork(parent, length);
  Contents contents = in_use_.at(parent);
  shorten(contents, inner_->length(id));
  in_use_[id] = std::move(contents);
  return id;
}

void PrefixCache::release(SequenceId sequence) {
  const auto found = in_use_.find(sequence);
  assert(found != in_use_.end());
  Contents contents = std::move(found->second);
  in_use_.erase(found);
  if (!contents.damaged) keep_released(sequence, std::move(contents));
  inner_->release(sequence);
}

// As a fork, which takes no place among the sequences in use. What is in
// another one already is not kept twice.
void PrefixCache::keep_released(SequenceId id, Contents contents) {
  if (contents.tokens.empty()) return;
  for (auto it = kept_.begin(); it != kept_.end();) {
    const Contents& other = it->contents;
    const bool same_salt = other.salt == contents.salt;
    if (same_salt && begins_with(other.tokens, contents.tokens)) {
      kept_.splice(kept_.end(), kept_, it);
      return;
    }
    const auto next = std::next(it);
    if (same_salt && begins_with(contents.tokens, other.tokens)) give_up(it);
    it = next;
  }
  if (kept_.size() == kMostKept) give_up(kept_.begin());
  const auto length = std::ssize(contents.tokens);
  const SequenceId kept = inner_->fork(id, length);
  shorten(contents, inner_->length(kept));
  kept_tokens_ += std::ssize(contents.tokens);
  kept_.push_back({kept, std::move(contents)});
}

std::int64_t PrefixCache::truncate(SequenceId sequence, std::int64_t length) {
  const std::int64_t reached = inner_->truncate(sequence, length);
  shorten(in_use_.at(sequence), reached);
  return reached;
}

std::int64_t PrefixCache::keep(SequenceId sequence,
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

void PrefixCache::shorten(Contents& contents, std::int64_t length) {
  contents.tree.clear();
  if (length < std::ssize(contents.tokens)) {
    contents.tokens.resize(static_cast<size_t>(length));
  }
}

bool PrefixCache::make_room(std::span<const KvGrowth> growths) {
  while (!inner_->make_room(growths)) {
    if (kept_.empty()) return false;
    give_up_some();
  }
  return true;
}

PrefixCache::Contents PrefixCache::take_out(KeptList::iterator kept) {
  Contents contents = std::move(kept->contents);
  kept_tokens_ -= std::ssize(contents.tokens);
  kept_.erase(kept);
  return contents;
}

void PrefixCache::give_up(KeptList::iterator kept) {
  inner_->release(kept->id);
  take_out(kept);
}

// The end of what was used least recently, down to where a block begins.
void PrefixCache::give_up_some() {
  Kept& oldest = kept_.front();
  const std::int64_t length = std::ssize(oldest.contents.tokens);
  const std::int64_t rest =
      (length - 1) / KvCache::kBlockSize * KvCache::kBlockSize;
  if (rest == 0) return give_up(kept_.begin());
  shorten(oldest.contents, inner_->truncate(oldest.id, rest));
  kept_tokens_ += std::ssize(oldest.contents.tokens) - length;
  if (oldest.contents.tokens.empty()) give_up(kept_.begin());
}

ForwardOutput PrefixCache::forward(const Batch& batch) {
  growths_.clear();
  for (const Batch::Entry& entry : batch.entries()) {
    growths_.push_back({entry.sequence, entry.rows, batch.parents(entry)});
  }
  make_room(growths_);  // or the inner scorer says what is wrong
  ForwardOutput output;
  try {
    output = inner_->forward(batch);
  } catch (...) {
    for (const Batch::Entry& entry : batch.entries()) {
      in_use_.at(entry.sequence).damaged = true;
    }
    throw;
  }
  record(batch);
  return output;
}

void PrefixCache::record(const Batch& batch) {
  for (const Batch::Entry& entry : batch.entries()) {
    const auto rows = batch.tokens().subspan(
        static_cast<size_t>(entry.first_row), static_cast<size_t>(entry.rows));
    Contents& contents = in_use_.at(entry.sequence);
    std::vector<Token>& grown = entry.is_tree ? contents.tree : contents.tokens;
    grown.insert(grown.end(), rows.begin(), rows.end());
  }
}

}  // namespace pilotfish
