#ifndef PILOTFISH_LAB_SELFCHECK_TARGET_ROWS_H_
#define PILOTFISH_LAB_SELFCHECK_TARGET_ROWS_H_

#include <memory>
#include <span>
#include <vector>

#include "pilotfish/kv_cache.h"
#include "pilotfish/model.h"
#include "pilotfish/scorer.h"
#include "pilotfish/token.h"

namespace pilotfish {

// What the target says after any tokens, one row at a time and without
// speculation. Not thread-safe.
class TargetRows {
 public:
  TargetRows(std::shared_ptr<Model> target, const KvCacheOptions& options);
  // Takes one of its sequences; `target` must outlive this.
  explicit TargetRows(Scorer& target);
  ~TargetRows() { scorer_.release(id_); }
  TargetRows(const TargetRows&) = delete;
  TargetRows& operator=(const TargetRows&) = delete;

  // The logits of what follows `tokens`, valid until the next call. Requires:
  // !tokens.empty(), and that they fit.
  std::span<const float> after(std::span<const Token> tokens);

 private:
  std::unique_ptr<Scorer> owned_;
  Scorer& scorer_;
  SequenceId id_;
  std::vector<Token> cached_;
  Batch batch_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_TARGET_ROWS_H_
