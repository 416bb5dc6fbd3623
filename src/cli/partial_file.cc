#include "cli/partial_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

namespace fs = std::filesystem;

bool is_no_plain_file(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

}  // namespace

PartialFile::PartialFile(std::string path)
    : path_(std::move(path)),
      temporary_(is_no_plain_file(path_) ? path_ : path_ + ".partial") {
  // A folder cannot be opened for writing, which is found here as well.
  file_.reset(std::fopen(temporary_.c_str(), "wb"));
  if (file_ == nullptr) fail();
}

PartialFile::~PartialFile() {
  if (file_ != nullptr && temporary_ != path_) ::unlink(temporary_.c_str());
}

void PartialFile::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_.get()) != bytes) fail();
}

void PartialFile::commit() {
  if (std::fflush(file_.get()) != 0 ||
      (temporary_ != path_ &&
       std::rename(temporary_.c_str(), path_.c_str()) != 0)) {
    fail();
  }
  file_.reset();
}

void PartialFile::fail() const {
  throw Error(
      fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace pilotfish::cli
