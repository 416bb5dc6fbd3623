#include "formats/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Distinct among the processes and threads of one machine.
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<int> next = 0;
  return path.parent_path() / fmt::format(".{}.{}-{}.tmp",
                                          path.filename().string(), ::getpid(),
                                          next++);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)),
      temporary_(temporary_beside(path_)),
      fd_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 0666)) {
  if (fd_ < 0) fail("cannot create");
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  assert(fd_ >= 0);
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  assert(fd_ >= 0);
  // Some file systems report a failed write only here.
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary_.c_str());
    errno = reason;
    fail("cannot write");
  }
}

void AtomicFile::fail(std::string_view what) const {
  throw Error(
      fmt::format("{}: {}: {}", path_.string(), what, std::strerror(errno)));
}

}  // namespace pilotfish
