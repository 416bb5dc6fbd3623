#ifndef PILOTFISH_MODEL_KV_STORAGE_H_
#define PILOTFISH_MODEL_KV_STORAGE_H_

#include <cstdint>

namespace pilotfish {

using KvBlock = std::int32_t;  // an index into a cache's blocks

// One position of a block.
struct KvSlot {
  KvBlock block;
  std::int64_t row;  // below KvCache::kBlockSize
};

// The memory behind a KvCache, in blocks that are numbered from 0. It belongs
// to the backend that computes with it; the cache decides which block serves
// which sequence, and asks for no more than the moves below. Nothing here can
// fail: what a storage needs, its constructor takes, or throws std::bad_alloc.
class KvStorage {
 public:
  virtual ~KvStorage() = default;

  // The keys and values of all layers: of a whole block, or of one position.
  virtual void copy_block(KvBlock from, KvBlock to) = 0;
  virtual void copy_slot(KvSlot from, KvSlot to) = 0;
  // Writes zeros, so that the block's memory is there and its values are
  // numbers: for passes that are timed without a text.
  virtual void clear_block(KvBlock block) = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_KV_STORAGE_H_
