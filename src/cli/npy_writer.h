#ifndef PILOTFISH_CLI_NPY_WRITER_H_
#define PILOTFISH_CLI_NPY_WRITER_H_

#include <cstdint>
#include <span>
#include <string>

#include "cli/partial_file.h"

namespace pilotfish::cli {

// Writes a float32 array [rows, columns] as NumPy .npy, version 1.0
// (numpy.org/doc/stable/reference/generated/numpy.lib.format.html), row by row.
// The file appears under its name when it is complete; until then, and for good
// if it never is, nothing changes there.
class NpyWriter {
 public:
  // These throw Error where the file cannot be written.
  NpyWriter(std::string path, std::int64_t rows, std::int64_t columns);

  void write_row(std::span<const float> row);
  void commit();

 private:
  PartialFile file_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_NPY_WRITER_H_
