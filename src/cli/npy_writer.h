#ifndef PILOTFISH_CLI_NPY_WRITER_H_
#define PILOTFISH_CLI_NPY_WRITER_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace pilotfish::cli {

// Writes a float32 array [rows, columns] as NumPy .npy, version 1.0
// (numpy.org/doc/stable/reference/generated/numpy.lib.format.html), row by row.
// The file appears under its name when it is complete; until then, and for good
// if it never is, nothing changes there.
class NpyWriter {
 public:
  // These throw Error where the file cannot be written.
  NpyWriter(std::string path, std::int64_t rows, std::int64_t columns);
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  void write_row(std::span<const float> row);
  void commit();

 private:
  void write(const void* data, size_t bytes);
  [[noreturn]] void fail() const;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::string temporary_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_NPY_WRITER_H_
