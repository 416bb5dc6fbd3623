#ifndef PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_
#define PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/huge_buffer.h"
#include "model/kv_layout.h"
#include "model/kv_storage.h"

namespace pilotfish {

// One allocation, whose pages (huge ones where there are any: the blocks of a
// sequence lie far apart) the system provides as they are first written. A
// block holds, layer after layer,
// [2 (keys, values), heads, kBlockSize, head_dim].
class CpuKvStorage : public KvStorage {
 public:
  // Throws std::bad_alloc.
  explicit CpuKvStorage(const KvLayout& layout);

  void copy_block(KvBlock from, KvBlock to) override;
  void copy_slot(KvSlot from, KvSlot to) override;
  void clear_block(KvBlock block) override;

  // The keys and values of one layer.
  class Layer {
   public:
    // [kBlockSize, head_dim] of one key/value head.
    std::byte* keys(KvBlock block, std::int64_t head) const {
      return keys_ + block * block_bytes_ + head * head_bytes_;
    }
    std::byte* values(KvBlock block, std::int64_t head) const {
      return values_ + block * block_bytes_ + head * head_bytes_;
    }
    // From one position to the next within those.
    std::int64_t row_bytes() const { return row_bytes_; }
    DType dtype() const { return dtype_; }

   private:
    friend class CpuKvStorage;
    std::byte* keys_;  // of block 0
    std::byte* values_;
    std::int64_t block_bytes_;  // of all layers
    std::int64_t head_bytes_;
    std::int64_t row_bytes_;
    DType dtype_;
  };
  Layer layer(std::int64_t index) const;
  std::int64_t widest_row_bytes() const;  // of any layer

 private:
  // Where a layer lies in a block, in bytes.
  struct Place {
    std::int64_t keys;
    std::int64_t values;
    std::int64_t end;
    std::int64_t head;  // from one head to the next
    std::int64_t row;   // from one position to the next
  };

  std::byte* block_at(KvBlock block) const {
    return pool_.data() + block * block_bytes_;
  }

  const DType dtype_;
  const std::int64_t block_bytes_;
  HugeBuffer pool_;
  std::vector<Place> layers_;  // [n_layers]
};

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_CPU_KV_STORAGE_H_
