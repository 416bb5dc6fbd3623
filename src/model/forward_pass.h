#ifndef PILOTFISH_MODEL_FORWARD_PASS_H_
#define PILOTFISH_MODEL_FORWARD_PASS_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "model/kv_layout.h"
#include "model/kv_storage.h"
#include "pilotfish/model.h"

namespace pilotfish {

// The contract of a backend: it holds one model's weights, makes the storage
// of caches, and computes passes over both. Model stands in front of it, and
// nothing else calls it. One call at a time.
class ForwardPass {
 public:
  virtual ~ForwardPass() = default;

  virtual std::int64_t weight_bytes() const = 0;    // wherever they lie
  virtual std::int64_t resident_bytes() const = 0;  // of those, in memory of
                                                    // its own, not the file's
  virtual std::int64_t matrices_kept_in_bf16() const = 0;  // LoadOptions::dtype
  virtual std::string_view instruction_set() const = 0;
  virtual std::vector<RankShare> ranks() const = 0;  // Model::ranks()

  // Room for the keys and values of a cache, which may outlive this object.
  // Throws std::bad_alloc.
  virtual std::unique_ptr<KvStorage> make_storage(
      const KvLayout& layout) const = 0;

  // Model::forward, which see, with `layers` the number of layers to run: at
  // least one, and no more than there are. Whatever can fail comes before the
  // cache changes. Throws UsageError for a cache that another backend made, or
  // one of another shape.
  virtual ForwardOutput run(const Batch& batch, KvCache& cache,
                            std::int64_t layers) = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_MODEL_FORWARD_PASS_H_
