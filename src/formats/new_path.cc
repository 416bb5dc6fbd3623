#include "formats/new_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>

#include "formats/is_there.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// Where the links at the end of `path` lead, which need not be there; `path`
// itself where it is no link.
fs::path follow_links(fs::path path) {
  constexpr int kMostLinks = 40;  // the kernel's limit
  std::error_code error;
  for (int i = 0; i < kMostLinks && fs::is_symlink(path, error); ++i) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) return path;
    path = path.parent_path() / target;  // `target` where that is absolute
  }
  return path;
}

// A name in the same folder that nobody else has, because whatever has it is
// removed at the end. It is random, as process ids are unique only within one
// container.
fs::path temporary_beside(const fs::path& path) {
  std::random_device random;
  return path.parent_path() / fmt::format(".{}.{:08x}{:08x}.tmp",
                                          path.filename().string(), random(),
                                          random());
}

}  // namespace

void check_name_for_new_file(const fs::path& path, Existing existing) {
  if (!is_there(path)) return;
  std::error_code ignored;
  const fs::path target = follow_links(path);
  if (is_there(target) && !fs::is_regular_file(target, ignored)) {
    throw Error(fmt::format(
        "{}: this name belongs to something that is not a regular file; choose "
        "another name",
        path.string()));
  }
  if (existing == Existing::kReplace) return;
  throw Error(fmt::format(
      "{}: already exists; choose another name, or replace it with --force",
      path.string()));
}

NewPath::NewPath(fs::path path, Existing existing)
    : path_(std::move(path)),
      target_(follow_links(path_)),
      existing_(existing),
      temporary_(temporary_beside(target_)) {}

// -1 and errno where it cannot be done.
int NewPath::move_into_place() const {
  const char* from = temporary().c_str();
  const char* to = target_.c_str();
  if (existing_ == Existing::kReplace) return ::rename(from, to);
  const int moved = ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
  if (moved == 0 || (errno != EINVAL && errno != ENOSYS)) return moved;
  // A file system without that flag: a link, too, replaces nothing.
  if (::link(from, to) != 0) return -1;
  return ::unlink(from);
}

void NewPath::commit() {
  if (move_into_place() != 0) {
    throw Error(fmt::format("{}: cannot write: {}", path_.string(),
                            std::strerror(errno)));
  }
  temporary_.release();
}

}  // namespace pilotfish
