#include "formats/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {

AtomicFile::AtomicFile(std::filesystem::path path, Existing existing)
    : place_(std::move(path), existing) {
  check_name_for_new_file(place_.path(), existing);
  fd_ = ::open(place_.temporary().c_str(),
               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail("cannot create");
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : place_(std::move(other.place_)), fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  assert(fd_ >= 0);
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EFAULT) {  // the bytes are of a mapped file
      throw Error(
          fmt::format("{}: not written: a file that it is made from was "
                      "truncated meanwhile, or its disk failed",
                      place_.path().string()));
    }
    if (written < 0) fail("cannot write");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  assert(fd_ >= 0);
  // Some file systems report a failed write only here.
  if (::close(std::exchange(fd_, -1)) != 0) fail("cannot write");
  place_.commit();
}

void AtomicFile::fail(std::string_view what) const {
  throw Error(fmt::format("{}: {}: {}", place_.path().string(), what,
                          std::strerror(errno)));
}

}  // namespace pilotfish
