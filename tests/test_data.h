#ifndef PILOTFISH_TESTS_TEST_DATA_H_
#define PILOTFISH_TESTS_TEST_DATA_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "source_dir.h"

// The tests' data that is not part of the project (real tokenizers, golden
// logits): the folder PILOTFISH_TEST_DATA names, else ../shared/data beside the
// source tree. Tests that need it skip where it is absent.
namespace pilotfish::test {

inline std::filesystem::path data_path(const std::string& relative) {
  if (const char* folder = std::getenv("PILOTFISH_TEST_DATA")) {
    return std::filesystem::path(folder) / relative;
  }
  return source_dir() / ".." / "shared" / "data" / relative;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A folder of the test's own, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "pilotfish-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace pilotfish::test

#define SKIP_WITHOUT_DATA(relative)                                         \
  if (!std::filesystem::exists(::pilotfish::test::data_path(relative)))     \
  GTEST_SKIP() << "no test data: set PILOTFISH_TEST_DATA to a folder with " \
               << (relative)

#endif  // PILOTFISH_TESTS_TEST_DATA_H_
