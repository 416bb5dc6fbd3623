#include "cli/npy_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::cli {

static_assert(std::endian::native == std::endian::little,
              "rows are written as they lie in memory, little-endian");

NpyWriter::NpyWriter(std::string path, std::int64_t rows, std::int64_t columns)
    : path_(std::move(path)), temporary_(path_ + ".partial") {
  file_.reset(std::fopen(temporary_.c_str(), "wb"));
  if (file_ == nullptr) fail();

  // Magic, version 1.0 and the length of what follows take 10 bytes; spaces
  // bring the whole to a multiple of 64.
  std::string header = fmt::format(
      "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows,
      columns);
  header.append(63 - (header.size() + 10) % 64, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 0xFF);
  start += static_cast<char>(header.size() >> 8);
  write(start.data(), start.size());
  write(header.data(), header.size());
}

NpyWriter::~NpyWriter() {
  if (file_ != nullptr) ::unlink(temporary_.c_str());
}

void NpyWriter::write_row(std::span<const float> row) {
  write(row.data(), row.size_bytes());
}

void NpyWriter::commit() {
  if (std::fflush(file_.get()) != 0 ||
      std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail();
  }
  file_.reset();
}

void NpyWriter::write(const void* data, size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_.get()) != bytes) fail();
}

void NpyWriter::fail() const {
  throw Error(
      fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

}  // namespace pilotfish::cli
