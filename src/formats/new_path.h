#ifndef PILOTFISH_FORMATS_NEW_PATH_H_
#define PILOTFISH_FORMATS_NEW_PATH_H_

#include <filesystem>

#include "pilotfish/signals.h"

namespace pilotfish {

// What becomes of a file that has the name of a new one.
enum class Existing { kReplace, kRefuse };

// Throws Error if what has the name `path` must not be replaced by a new file:
// anything for kRefuse, and for kReplace what is not a regular file. Links are
// followed; one that leads nowhere counts as a file.
void check_name_for_new_file(const std::filesystem::path& path,
                             Existing existing);

// A file or folder that appears under its name when it is complete: until
// commit() it has a temporary name in the same folder, and without commit() it
// is removed. Where the name is a link, the link stays and its target is what
// appears. Not thread-safe.
class NewPath {
 public:
  explicit NewPath(std::filesystem::path path,
                   Existing existing = Existing::kReplace);

  const std::filesystem::path& path() const { return path_; }
  // Where the caller makes it.
  const std::filesystem::path& temporary() const { return temporary_.path(); }

  // May be called once. Throws Error.
  void commit();

 private:
  int move_into_place() const;

  std::filesystem::path path_;    // as the caller knows it
  std::filesystem::path target_;  // links followed
  Existing existing_;
  TemporaryPath temporary_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_FORMATS_NEW_PATH_H_
