#include "cli/partial_file.h"

#include <fmt/format.h>

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

PartialFile::PartialFile(std::string path) : path_(std::move(path)) {
  const std::string name = is_no_plain_file(path_) ? path_ : path_ + ".partial";
  // A folder cannot be opened for writing, which is found here as well.
  file_.reset(std::fopen(name.c_str(), "wb"));
  if (file_ == nullptr) fail();
  if (name != path_) temporary_.emplace(name);  // now that it is ours
}

void PartialFile::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_.get()) != bytes) fail();
}

void PartialFile::commit() {
  if (std::fflush(file_.get()) != 0) fail();
  if (temporary_) {
    if (std::rename(temporary_->path().c_str(), path_.c_str()) != 0) fail();
    temporary_->release();
  }
  file_.reset();
}

void PartialFile::fail() const {
  throw Error(
      fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace pilotfish::cli
