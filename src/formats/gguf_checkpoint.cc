#include "formats/gguf_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "formats/in_quotes.h"
#include "formats/is_there.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// What llama.cpp's gguf-split writes into every part.
constexpr std::string_view kSplitCount = "split.count";
constexpr std::string_view kSplitNumber = "split.no";
constexpr std::string_view kSplitTensors = "split.tensors.count";
constexpr std::int64_t kMaxParts = 99999;  // five digits in the name

[[noreturn]] void fail_split(const GgufMetadata& metadata, std::string_view key,
                             std::int64_t found, const std::string& expected) {
  throw Error(fmt::format("{}: key {}: found {}, expected {}", metadata.file(),
                          in_quotes(key), found, expected));
}

// 1 where the file is not split.
std::int64_t part_count(const GgufMetadata& metadata) {
  const std::int64_t count = metadata.integer(kSplitCount).value_or(1);
  if (count > kMaxParts) {
    fail_split(metadata, kSplitCount, count,
               fmt::format("at most {}", kMaxParts));
  }
  return std::max<std::int64_t>(count, 1);
}

std::string part_ending(std::int64_t part, std::int64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", part + 1, count);
}

class GgufCheckpoint final : public Checkpoint {
 public:
  explicit GgufCheckpoint(const fs::path& path) {
    path_ = path;
    GgufFile first = parse_gguf(MappedFile::open(path));
    metadata_ = std::move(first.metadata);
    take(first);
    if (const std::int64_t parts = part_count(metadata_); parts > 1) {
      read_other_parts(parts);
    }
    sort_tensors();
  }

  Kind kind() const override { return Kind::kGguf; }
  const GgufMetadata& metadata() const override { return metadata_; }

 private:
  void read_other_parts(std::int64_t count) {
    if (const auto number = metadata_.integer(kSplitNumber).value_or(0);
        number != 0) {
      fail_split(metadata_, kSplitNumber, number,
                 "0: this is not the first part; give the one that ends in " +
                     part_ending(0, count));
    }
    const std::string name = path_.filename().string();
    const std::string ending = part_ending(0, count);
    if (!name.ends_with(ending)) {
      throw Error(
          fmt::format("{}: a split file's first part, expected a name "
                      "that ends in {}",
                      path_.string(), ending));
    }
    const std::string stem = name.substr(0, name.size() - ending.size());
    for (std::int64_t part = 1; part < count; ++part) {
      read_part(path_.parent_path() / (stem + part_ending(part, count)), part,
                count);
    }
    const auto total = metadata_.integer(kSplitTensors);
    const size_t found = tensors_.size() + unreadable_.size();
    if (total && !std::cmp_equal(*total, found)) {
      fail_split(metadata_, kSplitTensors, *total,
                 fmt::format("{}, as the parts have", found));
    }
  }

  void read_part(const fs::path& path, std::int64_t part, std::int64_t count) {
    if (!is_there(path)) {
      throw Error(fmt::format("{}: part {} of {} is missing: {}",
                              path_.string(), part + 1, count, path.string()));
    }
    GgufFile file = parse_gguf(MappedFile::open(path));
    const std::int64_t number =
        file.metadata.integer(kSplitNumber).value_or(-1);
    if (number != part) {
      fail_split(file.metadata, kSplitNumber, number, std::to_string(part));
    }
    const std::int64_t its_count = part_count(file.metadata);
    if (its_count != count) {
      fail_split(file.metadata, kSplitCount, its_count, std::to_string(count));
    }
    take(file);
  }

  void take(GgufFile& file) {
    files_.push_back(file.file);
    tensors_.insert(tensors_.end(),
                    std::make_move_iterator(file.tensors.begin()),
                    std::make_move_iterator(file.tensors.end()));
    for (const auto& [name, type] : file.unreadable) {
      const std::string text =
          fmt::format("{}: tensor {} has type {}, which is not supported",
                      file.file.path().string(), in_quotes(name), type);
      if (!unreadable_.emplace(name, text).second) fail_twice(name);
    }
  }

  [[noreturn]] void fail_twice(const std::string& name) const {
    throw Error(fmt::format("{}: two parts have a tensor {}", path_.string(),
                            in_quotes(name)));
  }

  void sort_tensors() {
    std::sort(tensors_.begin(), tensors_.end(),
              [](const TensorView& a, const TensorView& b) {
                return a.name < b.name;
              });
    const auto twice =
        std::adjacent_find(tensors_.begin(), tensors_.end(),
                           [](const TensorView& a, const TensorView& b) {
                             return a.name == b.name;
                           });
    if (twice != tensors_.end()) fail_twice(twice->name);
    for (const TensorView& tensor : tensors_) {
      if (unreadable_.contains(tensor.name)) fail_twice(tensor.name);
    }
  }

  GgufMetadata metadata_;
};

}  // namespace

std::shared_ptr<const Checkpoint> open_gguf_checkpoint(const fs::path& path) {
  return std::make_shared<GgufCheckpoint>(path);
}

}  // namespace pilotfish
