#include "constraint/walk_tables.h"

#include <algorithm>
#include <utility>

namespace pilotfish {
namespace {

std::uint64_t hash_of(const Position& position) {
  std::uint64_t hash = position.ends ? 1 : 0;
  for (const auto& [state, min, max, stack] : position.items) {
    for (const std::int32_t part : {state, min, max, stack}) {
      hash = (hash ^ static_cast<std::uint32_t>(part)) * 0x9E3779B97F4A7C15U;
      hash ^= hash >> 29;
    }
  }
  return hash;
}

}  // namespace

const StateTable::Row& StateTable::new_row(Automaton::State state) {
  row_of_[static_cast<std::size_t>(state)] =
      static_cast<std::int32_t>(rows_.size());
  Row& row = rows_.emplace_back();
  row.fill(kDeadPlace);
  for (const auto& [first, last, to] : table_.byte_edges(state)) {
    std::fill(row.begin() + first, row.begin() + last + 1, to);
  }
  return row;
}

std::int32_t PositionTable::id_of(Position position) {
  const std::uint64_t hash = hash_of(position);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (positions_[static_cast<std::size_t>(it->second)] == position) {
      return it->second;
    }
  }
  const auto id = static_cast<std::int32_t>(positions_.size());
  by_hash_.emplace(hash, id);
  next_.resize(next_.size() + 256, id == kDeadPlace ? kDeadPlace : kUnknown);
  positions_.push_back(std::move(position));
  return id;
}

// Finds where the byte leads, and with it those on both sides that no edge of
// the position's states tells from it.
void PositionTable::fill(std::int32_t id, std::uint8_t byte) {
  const Position& position = positions_[static_cast<std::size_t>(id)];
  unsigned from = 0;
  unsigned to = 255;
  bool is_read = false;
  for (const Position::Item& item : position.items) {
    const auto edges = automaton_.table().byte_edges(item.state);
    const auto edge = std::ranges::lower_bound(
        edges, byte, {}, &TransitionTable::ByteEdge::last);
    if (edge != edges.end() && edge->first <= byte) {
      is_read = true;
      from = std::max<unsigned>(from, edge->first);
      to = std::min<unsigned>(to, edge->last);
      continue;
    }
    if (edge != edges.begin()) from = std::max(from, (edge - 1)->last + 1U);
    if (edge != edges.end()) to = std::min(to, edge->first - 1U);
  }
  const std::int32_t next =
      is_read ? id_of(reader_.after_byte(position, byte)) : kDeadPlace;
  const auto row = next_.begin() + static_cast<std::ptrdiff_t>(id) * 256;
  std::fill(row + from, row + to + 1, next);
}

}  // namespace pilotfish
