#include "base/temporary_paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#include "base/signal_safe_list.h"
#include "pilotfish/signals.h"

namespace pilotfish {
namespace {

// Whoever exchanges the name for null owns it: the object that guards it, which
// frees it, or a signal handler, which does not.
struct GuardedName {
  std::atomic<char*> name = nullptr;
};
using GuardedNames = SignalSafeList<GuardedName>;

// Never destroyed, as a signal may come at any time.
constinit GuardedNames guarded_names;

// opendir and readdir allocate, which a signal handler must not.
void remove_entries(int folder) {
  alignas(dirent64) char entries[4096];
  for (;;) {
    const long bytes =
        ::syscall(SYS_getdents64, folder, entries, sizeof(entries));
    if (bytes <= 0) return;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      ::unlinkat(folder, entry->d_name, 0);  // fails for "." and ".."
      at += entry->d_reclen;
    }
  }
}

void remove_folder(const char* path) {
  constexpr int kTries = 4;  // a removal may hide others from the reader
  for (int i = 0; i < kTries; ++i) {
    const int folder =
        ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return;
    remove_entries(folder);
    ::close(folder);
    if (::rmdir(path) == 0) return;
  }
}

}  // namespace

void remove_temporary_paths() noexcept {
  for (auto* entry = guarded_names.first(); entry; entry = entry->next) {
    const char* name = entry->value.name.exchange(nullptr);
    if (name == nullptr) continue;
    if (::unlink(name) != 0) remove_folder(name);
  }
}

TemporaryPath::TemporaryPath(std::filesystem::path path)
    : path_(std::move(path)), entry_(guarded_names.take()) {
  char* name = ::strdup(path_.c_str());
  auto* entry = static_cast<GuardedNames::Entry*>(entry_);
  if (name == nullptr) {
    guarded_names.give_back(entry);
    throw std::bad_alloc();
  }
  entry->value.name = name;
}

TemporaryPath::TemporaryPath(TemporaryPath&& other) noexcept
    : path_(std::move(other.path_)),
      entry_(std::exchange(other.entry_, nullptr)) {}

TemporaryPath::~TemporaryPath() {
  if (entry_ == nullptr) return;
  // Removed first: a signal that comes now finds nothing, or does the same.
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  release();
}

void TemporaryPath::release() noexcept {
  if (entry_ == nullptr) return;
  auto* entry =
      static_cast<GuardedNames::Entry*>(std::exchange(entry_, nullptr));
  std::free(entry->value.name.exchange(nullptr));
  guarded_names.give_back(entry);
}

}  // namespace pilotfish
