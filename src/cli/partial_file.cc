#include "cli/partial_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::cli {

PartialFile::PartialFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".partial") {
  file_.reset(std::fopen(temporary_.c_str(), "wb"));
  if (file_ == nullptr) fail();
}

PartialFile::~PartialFile() {
  if (file_ != nullptr) ::unlink(temporary_.c_str());
}

void PartialFile::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_.get()) != bytes) fail();
}

void PartialFile::commit() {
  if (std::fflush(file_.get()) != 0 ||
      std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail();
  }
  file_.reset();
}

void PartialFile::fail() const {
  throw Error(
      fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace pilotfish::cli
