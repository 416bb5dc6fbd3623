#ifndef PILOTFISH_MODEL_KV_CACHE_ACCESS_H_
#define PILOTFISH_MODEL_KV_CACHE_ACCESS_H_

#include <cstdint>
#include <memory>
#include <span>

#include "base/function_ref.h"
#include "model/kv_layout.h"
#include "model/kv_storage.h"
#include "pilotfish/kv_cache.h"

namespace pilotfish {

// How a backend makes a cache and how its passes see one.
class KvCacheAccess {
 public:
  using MakeKvStorage = std::unique_ptr<KvStorage>(const KvLayout& layout);

  // A cache for models of this shape, in the storage that `make_storage` makes
  // for it. Throws UsageError for options out of range, Error where
  // `make_storage` throws std::bad_alloc.
  static KvCache make(const ModelConfig& config, const KvCacheOptions& options,
                      FunctionRef<MakeKvStorage> make_storage);

  explicit KvCacheAccess(KvCache& cache);

  const KvLayout& layout() const;
  KvStorage& storage() const;

  // Appends to several different sequences at once, or, throwing Error, to
  // none.
  void append(std::span<const KvGrowth> growths);

  // The blocks of a sequence. Slot i of a sequence lies in row i % kBlockSize
  // of its block i / kBlockSize: the positions first, then the rows of its
  // tree. Valid until the cache is next changed, as is the next.
  std::span<const KvBlock> blocks(SequenceId sequence) const;
  // The parents of the rows of its tree.
  std::span<const std::int32_t> tree(SequenceId sequence) const;

 private:
  KvCache::Impl& impl_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_KV_CACHE_ACCESS_H_
