#ifndef PILOTFISH_FORMATS_ATOMIC_FILE_H_
#define PILOTFISH_FORMATS_ATOMIC_FILE_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "formats/new_path.h"

namespace pilotfish {

// A new file that appears under its name complete or not at all: it is written
// beside it under another name and takes its place, and that of an older file,
// at commit(). Without a commit nothing of it stays. Not thread-safe.
class AtomicFile {
 public:
  // Throws Error as check_name_for_new_file, and where the folder cannot be
  // written to.
  explicit AtomicFile(std::filesystem::path path,
                      Existing existing = Existing::kReplace);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  // Throws Error, a full disk for instance.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  // Puts the file in its place. May be called once, and nothing may be written
  // after it. Throws Error.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what) const;

  NewPath place_;
  int fd_ = -1;  // -1 once committed or moved from
};

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_ATOMIC_FILE_H_
