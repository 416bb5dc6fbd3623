#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

TEST(MappedFile, ReadsAFile) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "file";
  std::ofstream(path) << "pilot";
  const MappedFile file = MappedFile::open(path);
  EXPECT_EQ(file.text(), "pilot");
  EXPECT_EQ(file.path(), path);
}

TEST(MappedFile, CopiesOutliveTheFirst) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "file";
  std::ofstream(path) << "fish";
  auto first = std::make_unique<MappedFile>(MappedFile::open(path));
  const MappedFile copy = *first;
  first.reset();
  EXPECT_EQ(copy.text(), "fish");
}

TEST(MappedFile, AnEmptyFileIsEmpty) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "empty";
  std::ofstream{path};
  EXPECT_TRUE(MappedFile::open(path).bytes().empty());
}

// The bytes of a mapping come back; memory that is not a mapping of a file
// would lose them, and is left alone.
TEST(MappedFile, ReleasedBytesStayReadable) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "file";
  const std::string text(100000, 'x');
  std::ofstream(path) << text;
  const MappedFile mapped = MappedFile::open(path);
  const MappedFile wrapped =
      MappedFile::from_memory(std::as_bytes(std::span(text)), path);
  for (const MappedFile& file : {mapped, wrapped}) {
    mapped.release(file.bytes());
    wrapped.release(file.bytes());
    mapped.release(file.bytes().subspan(10, 20));
    EXPECT_EQ(file.text(), text);
  }
}

TEST(MappedFile, MissingFileAndFolderAreErrorsThatNameThem) {
  const test::TemporaryFolder folder;
  for (const auto& path : {folder.path() / "missing", folder.path()}) {
    try {
      MappedFile::open(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path.string()),
                std::string::npos);
    }
  }
}

}  // namespace
}  // namespace pilotfish
