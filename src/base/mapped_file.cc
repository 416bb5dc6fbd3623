#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "base/mapped_ranges.h"
#include "base/out_of_memory.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::filesystem::path& path)
      // Without O_NONBLOCK a pipe would wait for somebody to write to it.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Mapped pages, which are unmapped with the object.
class Pages {
 public:
  Pages(void* address, size_t size) : address_(address), size_(size) {}
  ~Pages() { ::munmap(address_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

 private:
  void* address_;
  size_t size_;
};

// A mapping that ends with the object.
class Mapping {
 public:
  Mapping(void* address, size_t size, std::string path)
      : pages_(address, size), range_(address, size, std::move(path)) {}

 private:
  Pages pages_;
  // Forgotten before the pages are unmapped: another thread may then get the
  // same addresses for another file.
  MappedRange range_;
};

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

[[noreturn]] void fail_to_open(const std::filesystem::path& path, int error) {
  std::error_code none;
  if (error == ENOENT && std::filesystem::is_symlink(path, none)) {
    throw Error(fmt::format(
        "{}: a link to {}, which is not there: the download is not complete; "
        "download the model again",
        path.string(), std::filesystem::read_symlink(path, none).string()));
  }
  throw Error(
      fmt::format("{}: cannot open: {}", path.string(), std::strerror(error)));
}

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  const FileDescriptor file(path);
  if (file.get() < 0) fail_to_open(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_to_open(path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(fmt::format(
        "{}: {}, not a regular file; models are mapped into memory, so save it "
        "as a file first",
        path.string(), kind_of(status.st_mode)));
  }

  MappedFile result;
  result.path_ = path;
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return result;

  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) {
    const int error = errno;
    if (error == ENOMEM) {
      throw out_of_memory(size, "mapping " + path.string(),
                          "a smaller model or a higher limit is needed");
    }
    throw Error(fmt::format("{}: cannot map {} bytes: {}", path.string(), size,
                            std::strerror(error)));
  }
  result.mapping_ = std::make_shared<Mapping>(address, size, path.string());
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
