#ifndef PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_
#define PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/huge_buffer.h"
#include "base/thread_team.h"
#include "model/kv_layout.h"
#include "model/kv_storage.h"

namespace pilotfish {

// A pool of blocks for each node of the team, in memory of that node, with the
// heads that its threads attend to; with one node a single pool. The pages
// (huge ones where there are any: the blocks of a sequence lie far apart) are
// provided by the system as they are first written. A block of a pool holds,
// layer after layer, [2 (keys, values), heads, kBlockSize, head_dim].
class CpuKvStorage : public KvStorage {
 public:
  // Throws std::bad_alloc.
  CpuKvStorage(const KvLayout& layout, const ThreadTeam& team);

  void copy_block(KvBlock from, KvBlock to) override;
  void copy_slot(KvSlot from, KvSlot to) override;
  void clear_block(KvBlock block) override;

  // The keys and values of one layer.
  class Layer {
   public:
    // [kBlockSize, head_dim] of one key/value head.
    std::byte* keys(KvBlock block, std::int64_t head) const {
      const Head& it = heads_[head];
      return it.keys + block * it.block_bytes;
    }
    std::byte* values(KvBlock block, std::int64_t head) const {
      const Head& it = heads_[head];
      return it.values + block * it.block_bytes;
    }
    // From one position to the next within those.
    std::int64_t row_bytes() const { return row_bytes_; }
    DType dtype() const { return dtype_; }

   private:
    friend class CpuKvStorage;
    struct Head {
      std::byte* keys;  // of block 0
      std::byte* values;
      std::int64_t block_bytes;  // of its pool
    };
    const Head* heads_;  // [heads]
    std::int64_t row_bytes_;
    DType dtype_;
  };
  Layer layer(std::int64_t index) const;
  std::int64_t widest_row_bytes() const;  // of any layer
  std::span<const KvLayerShape> shapes() const { return shapes_; }

 private:
  struct Pool {
    HugeBuffer memory;
    std::int64_t block_bytes;

    std::byte* block(KvBlock index) const {
      return memory.data() + index * block_bytes;
    }
  };
  // Of a layer.
  struct Place {
    std::vector<Layer::Head> heads;
    std::int64_t row_bytes;
  };

  void add_pool(const KvLayout& layout, const ThreadTeam& team, int node);

  const DType dtype_;
  const std::vector<KvLayerShape> shapes_;  // [n_layers]
  std::vector<Pool> pools_;                 // [nodes]
  std::vector<Place> layers_;               // [n_layers]
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_
