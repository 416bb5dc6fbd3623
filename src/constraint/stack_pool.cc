#include "constraint/stack_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

StackPool::StackPool() { intern(true, {}); }

StackPool::Id StackPool::push(Id below, std::int32_t top) {
  const Frame frame{top, below};
  return intern(false, {&frame, 1});
}

StackPool::Id StackPool::unite(Id a, Id b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  const std::uint64_t key =
      (static_cast<std::uint64_t>(a) << 32) | static_cast<std::uint32_t>(b);
  const auto known = unions_.find(key);
  if (known != unions_.end()) return known->second;
  std::vector<Frame> merged;
  std::int32_t i = 0;
  std::int32_t j = 0;
  while (i < frames(a) || j < frames(b)) {
    if (j == frames(b) ||
        (i < frames(a) && frame(a, i).top < frame(b, j).top)) {
      merged.push_back(frame(a, i++));
    } else if (i == frames(a) || frame(b, j).top < frame(a, i).top) {
      merged.push_back(frame(b, j++));
    } else {
      const Frame both{frame(a, i).top,
                       unite(frame(a, i).below, frame(b, j).below)};
      merged.push_back(both);
      ++i;
      ++j;
    }
  }
  const Id result = intern(has_bottom(a) || has_bottom(b), merged);
  unions_.emplace(key, result);
  check_size();
  return result;
}

void StackPool::check_size() const {
  if (sets_.size() + frames_.size() + unions_.size() > kMostKept) {
    throw Error(
        "the constraint is too ambiguous: the ways to read this text take too "
        "much memory");
  }
}

StackPool::Id StackPool::intern(bool has_bottom,
                                std::span<const Frame> frames) {
  std::uint64_t hash = has_bottom ? 1 : 0;
  std::int32_t depth = 0;
  for (const Frame& frame : frames) {
    hash = (hash ^ static_cast<std::uint32_t>(frame.top)) * 0x9E3779B97F4A7C15U;
    hash = (hash ^ (hash >> 31) ^ static_cast<std::uint32_t>(frame.below)) *
           0xBF58476D1CE4E5B9U;
    depth = std::max(depth, at(frame.below).depth + 1);
  }
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Set& set = at(it->second);
    if (set.has_bottom == has_bottom &&
        std::ranges::equal(frames,
                           std::span(frames_).subspan(
                               static_cast<std::size_t>(set.first_frame),
                               static_cast<std::size_t>(set.frames)))) {
      return it->second;
    }
  }
  if (depth > kMostDepth) {
    throw Error(fmt::format(
        "the text nests more than {} rules of its constraint", kMostDepth));
  }
  check_size();
  const auto id = static_cast<Id>(sets_.size());
  sets_.push_back({static_cast<std::int32_t>(frames_.size()),
                   static_cast<std::int32_t>(frames.size()), depth,
                   has_bottom});
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  by_hash_.emplace(hash, id);
  return id;
}

}  // namespace pilotfish
