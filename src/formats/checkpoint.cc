#include "formats/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "formats/gguf_checkpoint.h"
#include "formats/hf_checkpoint.h"
#include "formats/is_there.h"
#include "formats/known_mistake.h"
#include "pilotfish/error.h"

namespace pilotfish {

std::shared_ptr<const Checkpoint> Checkpoint::open(
    const std::filesystem::path& path) {
  if (!is_there(path)) {
    throw Error(
        fmt::format("{}: no such file or folder; expected a model: a "
                    "Hugging Face folder or a .gguf file",
                    path.string()));
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return open_hugging_face_folder(path);
  }
  refuse_part_of_model(path);
  return open_gguf_checkpoint(path);
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto place = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& a, std::string_view b) { return a.name < b; });
  if (place != tensors_.end() && place->name == name) return &*place;
  const auto unreadable = unreadable_.find(name);
  if (unreadable != unreadable_.end()) throw Error(unreadable->second);
  return nullptr;
}

void Checkpoint::release(const TensorView& tensor) const {
  for (const MappedFile& file : files_) {
    file.release({tensor.data, static_cast<size_t>(tensor.bytes)});
  }
}

const nlohmann::json& Checkpoint::config() const {
  throw std::logic_error("only a Hugging Face folder has a config");
}

const nlohmann::json& Checkpoint::generation_config() const {
  throw std::logic_error("only a Hugging Face folder has a generation config");
}

const GgufMetadata& Checkpoint::metadata() const {
  throw std::logic_error("only a GGUF file has metadata");
}

}  // namespace pilotfish
