#ifndef PILOTFISH_TESTS_SOURCE_DIR_H_
#define PILOTFISH_TESTS_SOURCE_DIR_H_

#include <filesystem>

namespace pilotfish::test {

// The checkout that the tests were built from.
std::filesystem::path source_dir();

}  // namespace pilotfish::test

#endif  // PILOTFISH_TESTS_SOURCE_DIR_H_
