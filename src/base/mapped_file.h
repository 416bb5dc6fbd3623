#ifndef PILOTFISH_BASE_MAPPED_FILE_H_
#define PILOTFISH_BASE_MAPPED_FILE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace pilotfish {

// A whole file, read-only in memory. Copies share the mapping, which ends with
// the last of them. Thread-safe.
class MappedFile {
 public:
  // Throws Error where the file cannot be opened, is no regular file, or cannot
  // be mapped. An empty file gives an empty span.
  static MappedFile open(const std::filesystem::path& path);

  // Wraps bytes already in memory (tests and fuzzers); `path` names them in
  // messages. The bytes must outlive every copy.
  static MappedFile from_memory(std::span<const std::byte> bytes,
                                std::filesystem::path path);

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  const std::filesystem::path& path() const { return path_; }

  // Starts reading the file into the page cache without waiting for it.
  void prefetch() const;

  // Says that these bytes, if they are this file's, will not be read again
  // soon: their pages stop counting as this process's memory. They stay
  // readable.
  void release(std::span<const std::byte> bytes) const;

 private:
  MappedFile() = default;

  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
  std::filesystem::path path_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_MAPPED_FILE_H_
