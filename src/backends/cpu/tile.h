#ifndef PILOTFISH_BACKENDS_CPU_TILE_H_
#define PILOTFISH_BACKENDS_CPU_TILE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "backends/cpu/row_exchange.h"
#include "backends/cpu/scratch.h"
#include "backends/cpu/segment.h"
#include "model/kv_storage.h"
#include "pilotfish/model_config.h"

namespace pilotfish {

// Where one row of a tile goes.
struct RowPlace {
  std::int64_t position;
  KvSlot slot;
};

// The hidden rows of a pass, as far as earlier tiles have filled them.
struct HiddenProgress {
  std::span<const std::int64_t> layers;  // Batch::hidden_layers()
  std::int64_t rows;                     // of each layer, in all
  std::int64_t done;                     // by earlier tiles

  bool wants(std::int64_t layer) const;
};

// Rows of a batch that are computed together, and what they are computed in.
struct Tile {
  // `gathers` must outlive this object.
  Tile(const ModelConfig& config, GatherQueue& gathers, int rank)
      : scratch(config), ranks(gathers, rank) {}

  // Starts over with rows [first_row, first_row + rows) of a batch of these
  // segments.
  void begin(std::span<const Segment> batch, std::int64_t first_row,
             std::int64_t rows);
  // Moves the last rows of each segment to the front of the tile and forgets
  // the others, whose keys and values are all that is still wanted of them:
  // keeps rows that return logits and, where asked, those that return hidden
  // rows. Of the scratch x and q move, whose rows have so many columns.
  void keep_last_rows(bool with_hidden, std::int64_t x_size,
                      std::int64_t q_size);

  std::int64_t rows = 0;
  std::vector<Segment> segments;  // parts of the batch's
  std::vector<RowPlace> places;   // [rows], until some are forgotten
  HiddenProgress wanted_hidden = {};
  Scratch scratch;
  RowExchange ranks;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_TILE_H_
