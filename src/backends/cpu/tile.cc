#include "backends/cpu/tile.h"

#include <algorithm>
#include <utility>

#include "pilotfish/kv_cache.h"

namespace pilotfish {

bool HiddenProgress::wants(std::int64_t layer) const {
  return std::ranges::find(layers, layer) != layers.end();
}

void Tile::begin(std::span<const Segment> batch, std::int64_t first_row,
                 std::int64_t row_count) {
  rows = row_count;
  wanted_hidden.done = 0;
  segments.clear();
  places.clear();
  for (const Segment& segment : batch) {
    const std::int64_t begin =
        std::max<std::int64_t>(0, first_row - segment.first_row);
    const std::int64_t end =
        std::min(segment.rows, first_row + rows - segment.first_row);
    wanted_hidden.done +=
        segment.part(0, std::min(begin, segment.rows)).hidden_rows;
    if (begin >= end) continue;
    segments.push_back(segment.part(begin, end));
    segments.back().first_row -= first_row;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t slot = segment.first_slot + i;
      const auto block = static_cast<size_t>(slot / KvCache::kBlockSize);
      places.push_back({segment.tree.position(slot),
                        {segment.blocks[block], slot % KvCache::kBlockSize}});
    }
  }
}

void Tile::keep_last_rows(bool with_hidden, std::int64_t x_size,
                          std::int64_t q_size) {
  std::int64_t kept = 0;
  const auto move_row = [&](AlignedBuffer<float>& buffer, std::int64_t from,
                            std::int64_t columns) {
    std::copy_n(buffer.data() + from * columns, columns,
                buffer.data() + kept * columns);
  };
  for (Segment& segment : segments) {
    segment = segment.last(
        std::max(segment.logits_rows, with_hidden ? segment.hidden_rows : 0));
    const std::int64_t first_row = std::exchange(segment.first_row, kept);
    for (std::int64_t i = 0; i < segment.rows; ++i, ++kept) {
      if (first_row + i == kept) continue;
      move_row(scratch.x, first_row + i, x_size);
      move_row(scratch.q, first_row + i, q_size);
    }
  }
  rows = kept;
}

}  // namespace pilotfish
