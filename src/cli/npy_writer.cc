#include "cli/npy_writer.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

namespace pilotfish::cli {

static_assert(std::endian::native == std::endian::little,
              "rows are written as they are in memory, little-endian");

NpyWriter::NpyWriter(std::string path, std::int64_t rows, std::int64_t columns)
    : file_(std::move(path)) {
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
  file_.write(start.data(), start.size());
  file_.write(header.data(), header.size());
}

void NpyWriter::write_row(std::span<const float> row) {
  file_.write(row.data(), row.size_bytes());
}

void NpyWriter::commit() { file_.commit(); }

}  // namespace pilotfish::cli
