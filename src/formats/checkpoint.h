#ifndef PILOTFISH_FORMATS_CHECKPOINT_H_
#define PILOTFISH_FORMATS_CHECKPOINT_H_

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "formats/gguf.h"
#include "tensor/tensor.h"

namespace pilotfish {

// A model on disk, whichever format it is in: its tensors, mapped, and its
// description. Immutable and thread-safe; tensors stay valid as long as it
// does.
class Checkpoint {
 public:
  enum class Kind { kHuggingFace, kGguf };

  // Opens a Hugging Face folder (config.json with model.safetensors, or with
  // the shards that model.safetensors.index.json names) or a GGUF file (of a
  // split one, its first part; the others lie beside it). Everything that can
  // be checked without reading the weights is: sizes, offsets, overlaps,
  // dtypes. Throws Error.
  static std::shared_ptr<const Checkpoint> open(
      const std::filesystem::path& path);

  virtual ~Checkpoint() = default;

  virtual Kind kind() const = 0;
  const std::filesystem::path& path() const { return path_; }

  // Sorted by name.
  std::span<const TensorView> tensors() const { return tensors_; }
  // nullptr where there is none of that name. Throws Error where there is one
  // of a dtype that pilotfish does not read (safetensors' I64, F8_E4M3, GGUF's
  // iq2_xxs, ...); such a tensor is not among tensors() and does no harm unless
  // asked for.
  const TensorView* find(std::string_view name) const;
  // Those tensors by name, with the message that find throws for each.
  const std::map<std::string, std::string, std::less<>>& unreadable() const {
    return unreadable_;
  }

  // Says that the tensor's data will not be read again soon; see
  // MappedFile::release.
  void release(const TensorView& tensor) const;

  // kHuggingFace only: config.json, and generation_config.json (an empty object
  // where the folder has none). Asking a checkpoint of the other kind throws
  // std::logic_error.
  virtual const nlohmann::json& config() const;
  virtual const nlohmann::json& generation_config() const;
  // kGguf only; of a split file, the first part's.
  virtual const GgufMetadata& metadata() const;

 protected:
  std::filesystem::path path_;
  std::vector<TensorView> tensors_;
  std::vector<MappedFile> files_;  // where they lie
  std::map<std::string, std::string, std::less<>> unreadable_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_CHECKPOINT_H_
