#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  const FileDescriptor file(path);
  if (file.get() < 0) {
    throw Error(fmt::format("{}: cannot open: {}", path.string(),
                            std::strerror(errno)));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(fmt::format("{}: not a regular file", path.string()));
  }

  MappedFile result;
  result.path_ = path;
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return result;

  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) {
    throw Error(fmt::format("{}: cannot map {} bytes: {}", path.string(), size,
                            std::strerror(errno)));
  }
  result.mapping_ = std::shared_ptr<const void>(
      address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  result.bytes_ = {static_cast<const std::byte*>(address), size};
  return result;
}

MappedFile MappedFile::from_memory(std::span<const std::byte> bytes,
                                   std::filesystem::path path) {
  MappedFile result;
  result.bytes_ = bytes;
  result.path_ = std::move(path);
  return result;
}

void MappedFile::prefetch() const {
  if (mapping_ == nullptr) return;
  ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(),
            MADV_WILLNEED);
}

void MappedFile::release(std::span<const std::byte> bytes) const {
  if (mapping_ == nullptr || bytes.data() < bytes_.data() ||
      bytes.data() + bytes.size() > bytes_.data() + bytes_.size()) {
    return;
  }
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t begin = (first + page - 1) / page * page;
  const std::uintptr_t end = (first + bytes.size()) / page * page;
  if (begin < end) {
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

}  // namespace pilotfish
