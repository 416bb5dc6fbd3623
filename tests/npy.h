#ifndef PILOTFISH_TESTS_NPY_H_
#define PILOTFISH_TESTS_NPY_H_

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "test_data.h"

namespace pilotfish::test {

// A two-dimensional array of a .npy file (numpy.lib.format, versions 1 to 3).
struct NpyMatrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<double> values;  // [rows, columns]

  double at(std::int64_t row, std::int64_t column) const {
    return values[static_cast<size_t>(row * columns + column)];
  }
};

// Little-endian float32 or float64 in C order; throws std::runtime_error for
// anything else.
inline NpyMatrix read_npy(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  const auto fail = [&](const std::string& what) {
    throw std::runtime_error(path.string() + ": " + what);
  };
  if (bytes.size() < 12 || bytes.substr(0, 6) != "\x93NUMPY") fail("no .npy");
  const size_t length_bytes = bytes[6] == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) {
    length = length * 256 + static_cast<unsigned char>(bytes[8 + i]);
  }
  const size_t start = 8 + length_bytes + length;
  const std::string header = bytes.substr(8 + length_bytes, length);
  if (header.find("'fortran_order': False") == std::string::npos) {
    fail("not in C order");
  }
  const bool wide = header.find("'<f8'") != std::string::npos;
  if (!wide && header.find("'<f4'") == std::string::npos) fail("not floats");

  NpyMatrix matrix;
  const size_t shape = header.find("'shape': (");
  if (shape == std::string::npos) fail("no shape");
  const std::string extents = header.substr(shape + 10);
  matrix.rows = std::stoll(extents);
  matrix.columns = std::stoll(extents.substr(extents.find(',') + 1));
  const auto count = static_cast<size_t>(matrix.rows * matrix.columns);
  if (bytes.size() != start + count * (wide ? 8 : 4)) fail("wrong size");
  matrix.values.resize(count);
  if (wide) {
    std::memcpy(matrix.values.data(), bytes.data() + start, count * 8);
  } else {
    std::vector<float> floats(count);
    std::memcpy(floats.data(), bytes.data() + start, count * 4);
    matrix.values.assign(floats.begin(), floats.end());
  }
  return matrix;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_NPY_H_
