#ifndef PILOTFISH_BACKENDS_BACKENDS_H_
#define PILOTFISH_BACKENDS_BACKENDS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "formats/checkpoint.h"
#include "model/forward_pass.h"
#include "pilotfish/model.h"

namespace pilotfish {

// A way to compute passes. A new one is a folder beside cpu/ and a line in the
// table of backends.cc.
struct Backend {
  std::string_view name;  // LoadOptions::backend

  // Takes the weights of the layers that `config` has, which may be fewer than
  // the checkpoint's. Requires: options.threads. Throws as Model::load does.
  std::unique_ptr<ForwardPass> (*load)(
      std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config,
      const LoadOptions& options);

  // About what a pass takes beside weights and cache after a long prompt, with
  // so many rows of logits asked for at once.
  std::int64_t (*scratch_bytes)(const ModelConfig& config,
                                std::int64_t logits_rows);
};

std::span<const Backend> backends();  // the default first

// The default for an empty name. Throws UsageError for a name that none has.
const Backend& find_backend(std::string_view name);

// What options ask for: LoadOptions::backend and ranks. Throws UsageError for
// more ranks than there are.
const Backend& choose_backend(const LoadOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_BACKENDS_BACKENDS_H_
