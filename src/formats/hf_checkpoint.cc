#include "formats/hf_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/in_quotes.h"
#include "formats/is_there.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = "config.json";
constexpr const char* kGenerationConfig = "generation_config.json";
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// Shard to the tensors wanted from it.
using ShardMap = std::map<std::string, std::vector<std::string>>;

// Shards lie in the folder itself: a name with a path could read anything.
void check_shard_name(const std::string& name, const std::string& index) {
  constexpr std::string_view kSuffix = ".safetensors";
  if (name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos ||
      !name.ends_with(kSuffix) || name.size() == kSuffix.size()) {
    throw Error(fmt::format(
        "{}: shard {}: expected the name of a {} file in the same folder",
        index, in_quotes(name), kSuffix));
  }
}

ShardMap read_index(const fs::path& path) {
  const std::string file = path.string();
  const json index = read_json_object(path);
  const auto weight_map = index.find("weight_map");
  if (weight_map == index.end() || !weight_map->is_object()) {
    throw Error(fmt::format(
        "{}: key \"weight_map\": expected an object of tensor to shard", file));
  }
  ShardMap shards;
  for (const auto& [tensor, shard] : weight_map->items()) {
    if (!shard.is_string()) {
      throw Error(fmt::format("{}: tensor {}: found no shard's name", file,
                              in_quotes(tensor)));
    }
    const auto& name = shard.get_ref<const std::string&>();
    check_shard_name(name, file);
    shards[name].push_back(tensor);
  }
  return shards;
}

class HuggingFaceCheckpoint final : public Checkpoint {
 public:
  explicit HuggingFaceCheckpoint(const fs::path& folder) {
    path_ = folder;
    read_configs();
    read_weights();
    std::sort(tensors_.begin(), tensors_.end(),
              [](const TensorView& a, const TensorView& b) {
                return a.name < b.name;
              });
  }

  Kind kind() const override { return Kind::kHuggingFace; }
  const json& config() const override { return config_; }
  const json& generation_config() const override { return generation_config_; }

 private:
  void read_configs() {
    if (!is_there(path_ / kConfig)) {
      throw Error(
          fmt::format("{}: no {} in this folder, so it is not a Hugging "
                      "Face model",
                      path_.string(), kConfig));
    }
    config_ = read_json_object(path_ / kConfig);
    generation_config_ = is_there(path_ / kGenerationConfig)
                             ? read_json_object(path_ / kGenerationConfig)
                             : json::object();
  }

  void read_weights() {
    if (is_there(path_ / kSingle)) {
      SafetensorsFile file = open_safetensors(kSingle);
      tensors_ = std::move(file.tensors);
      for (const auto& [name, dtype] : file.unreadable) {
        note_unreadable(file, name, dtype);
      }
      return;
    }
    if (!is_there(path_ / kIndex)) {
      throw Error(fmt::format(
          "{}: neither {} nor {} in this folder{}", path_.string(), kSingle,
          kIndex,
          is_there(path_ / "pytorch_model.bin")
              ? "; pytorch_model.bin is not read, save it as safetensors"
              : ""));
    }
    for (const auto& [shard, names] : read_index(path_ / kIndex)) {
      if (!is_there(path_ / shard)) {
        throw Error(fmt::format("{}: shard {} is missing from the folder",
                                (path_ / kIndex).string(), in_quotes(shard)));
      }
      take_from_shard(open_safetensors(shard), names);
    }
  }

  SafetensorsFile open_safetensors(const std::string& name) {
    files_.push_back(MappedFile::open(path_ / name));
    return parse_safetensors(files_.back());
  }

  // Takes only what the index says is in this shard: a shard may have more.
  void take_from_shard(const SafetensorsFile& file,
                       const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto place = std::lower_bound(
          file.tensors.begin(), file.tensors.end(), name,
          [](const TensorView& a, const std::string& b) { return a.name < b; });
      if (place != file.tensors.end() && place->name == name) {
        tensors_.push_back(*place);
        continue;
      }
      const auto unreadable = file.unreadable.find(name);
      if (unreadable == file.unreadable.end()) {
        throw Error(fmt::format("{}: no tensor {} in it, where {} says it is",
                                file.file.path().string(), in_quotes(name),
                                kIndex));
      }
      note_unreadable(file, name, unreadable->second);
    }
  }

  void note_unreadable(const SafetensorsFile& file, const std::string& name,
                       const std::string& dtype) {
    unreadable_.emplace(
        name, fmt::format("{}: tensor {} has dtype {}, expected F32, F16 or "
                          "BF16",
                          file.file.path().string(), in_quotes(name),
                          in_quotes(dtype)));
  }

  json config_;
  json generation_config_;
};

}  // namespace

std::shared_ptr<const Checkpoint> open_hugging_face_folder(
    const fs::path& folder) {
  return std::make_shared<HuggingFaceCheckpoint>(folder);
}

}  // namespace pilotfish
