// What both writers write is read back by the readers; and they fail cleanly.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <fstream>

#include "formats/atomic_file.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/hostile_test.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_file;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

size_t files_in(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// `bytes` bytes that differ from tensor to tensor.
std::vector<std::byte> content(std::int64_t bytes, int seed) {
  std::vector<std::byte> result(static_cast<size_t>(bytes));
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<std::byte>(i * 7 + seed * 31);
  }
  return result;
}

// Writes each tensor in three portions, the middle one empty.
void write_in_portions(TensorFileWriter writer,
                       const std::vector<TensorSpec>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto bytes = content(tensors[i].bytes(), static_cast<int>(i));
    const std::span all(bytes);
    writer.write(all.first(all.size() / 3));
    writer.write({});
    writer.write(all.subspan(all.size() / 3));
  }
  writer.finish();
}

void expect_content(const TensorView& view, const TensorSpec& spec, int seed) {
  EXPECT_EQ(view.name, spec.name);
  EXPECT_EQ(view.dtype, spec.dtype);
  EXPECT_EQ(view.shape, spec.shape);
  const auto expected = content(spec.bytes(), seed);
  ASSERT_EQ(view.bytes, std::ssize(expected));
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), view.data));
}

TEST(GgufWriter, IsReadBack) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.gguf";
  const std::vector<TensorSpec> tensors = {
      {"odd", DType::kF16, {3, 5}},      {"empty", DType::kF32, {0, 4}},
      {"blocks", DType::kQ4_0, {2, 64}}, {"scalar", DType::kF32, {}},
      {"k", DType::kQ6_K, {1, 256}},     {"b", DType::kBF16, {2, 1, 3}}};
  GgufHeader header;
  header.set_u32("u", 4'000'000'000);
  header.set_f32("f", 0.1F);
  header.set_bool("b", true);
  header.set_string("s", "two\nlines");
  header.set_strings("ss", std::vector<std::string>{"", "\xff", "x"});
  header.set_f32s("fs", std::vector{1.5F, -2.0F});
  header.set_i32s("is", std::vector<std::int32_t>{-1, 6});
  write_in_portions(write_gguf(path, header, tensors), tensors);

  const GgufFile file = parse_gguf(MappedFile::open(path));
  const GgufMetadata& metadata = file.metadata;
  EXPECT_EQ(metadata.values().size(), 7U);
  EXPECT_THAT(metadata.integer("u"), Optional(4'000'000'000));
  EXPECT_THAT(metadata.number("f"), Optional(double{0.1F}));
  EXPECT_THAT(metadata.boolean("b"), Optional(true));
  EXPECT_EQ(*metadata.string("s"), "two\nlines");
  EXPECT_THAT(*metadata.strings("ss"), ElementsAre("", "\xff", "x"));
  EXPECT_THAT(*metadata.numbers("fs"), ElementsAre(1.5, -2.0));
  EXPECT_THAT(*metadata.integers("is"), ElementsAre(-1, 6));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    expect_content(file.tensors[i], tensors[i], static_cast<int>(i));
  }
  EXPECT_EQ(fs::file_size(path) % 32, 0U);
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(GgufWriter, WritesTheSpecifiedBytes) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.gguf";
  GgufHeader header;
  header.set_u32("k", 5);
  const std::vector<TensorSpec> tensors = {{"t", DType::kF32, {2, 1}}};
  TensorFileWriter writer = write_gguf(path, header, tensors);
  const std::array<float, 2> data = {1.0F, 2.0F};
  writer.write(std::as_bytes(std::span(data)));
  writer.finish();
  using std::string_literals::operator""s;
  EXPECT_EQ(read_file(path),
            "GGUF\3\0\0\0"
            "\1\0\0\0\0\0\0\0"
            "\1\0\0\0\0\0\0\0"
            "\1\0\0\0\0\0\0\0k\4\0\0\0\5\0\0\0"
            "\1\0\0\0\0\0\0\0t\2\0\0\0"
            "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
            "\0\0\0\0\0\0\0\0\0\0\0\0"s +
                std::string(14, '\0') + "\0\0\x80\x3f\0\0\0\x40"s +
                std::string(24, '\0'));
}

TEST(SafetensorsWriter, IsReadBack) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.safetensors";
  const std::vector<TensorSpec> tensors = {{"a", DType::kF32, {2, 3}},
                                           {"b\"\\\n", DType::kBF16, {5}},
                                           {"c", DType::kF16, {}},
                                           {"d", DType::kF16, {0, 3}}};
  write_in_portions(write_safetensors(path, tensors), tensors);
  const SafetensorsFile file = parse_safetensors(MappedFile::open(path));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    expect_content(file.tensors[i], tensors[i], static_cast<int>(i));
  }
  // The first tensor is aligned.
  EXPECT_EQ((file.tensors[0].data - file.file.bytes().data()) % 8, 0);
}

TEST(SafetensorsWriter, WritesTheSpecifiedBytes) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "m.safetensors";
  const std::vector<TensorSpec> tensors = {{"t", DType::kF16, {1, 2}}};
  TensorFileWriter writer = write_safetensors(path, tensors);
  writer.write(std::as_bytes(std::span("abcd", 4)));
  writer.finish();
  using std::string_literals::operator""s;
  EXPECT_EQ(read_file(path),
            "\x58\0\0\0\0\0\0\0"s
            R"({"__metadata__":{"format":"pt"},)"
            R"("t":{"dtype":"F16","shape":[1,2],)"
            R"("data_offsets":[0,4]}} abcd)");
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "f";
  std::ofstream(path) << "old";
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_file(path), "old");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1U);
  AtomicFile file(path);
  file.write("new");
  AtomicFile moved = std::move(file);
  moved.write("er");
  moved.commit();
  EXPECT_EQ(read_file(path), "newer");
  EXPECT_EQ(files_in(folder.path()), 1U);
}

TEST(AtomicFile, NamesTheFileItCannotWrite) {
  const TemporaryFolder folder;
  const fs::path missing = folder.path() / "none" / "f";
  EXPECT_THAT(error_of([&] { AtomicFile file(missing); }),
              Optional(HasSubstr("none/f: cannot create")));
  fs::create_directory(folder.path() / "taken");
  EXPECT_THAT(error_of([&] { AtomicFile(folder.path() / "taken").commit(); }),
              Optional(HasSubstr("taken: this name belongs to something")));
  EXPECT_EQ(files_in(folder.path()), 1U);
}

// A file that is there stays, be it there before the work or since.
TEST(AtomicFile, RefusesToReplaceUnlessAsked) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "f";
  {
    AtomicFile late(path, Existing::kRefuse);
    late.write("new");
    std::ofstream(path) << "old";
    EXPECT_THAT(error_of([&] { late.commit(); }),
                Optional(HasSubstr("f: cannot write: File exists")));
  }
  EXPECT_THAT(error_of([&] { AtomicFile(path, Existing::kRefuse); }),
              Optional(HasSubstr("f: already exists; choose another name")));
  fs::create_symlink("nowhere", folder.path() / "link");
  EXPECT_THAT(
      error_of([&] { AtomicFile(folder.path() / "link", Existing::kRefuse); }),
      Optional(HasSubstr("link: already exists")));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 2U);
}

// A link stays a link, and what it leads to is replaced or made.
TEST(AtomicFile, WritesBehindLinks) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "elsewhere");
  const fs::path real = folder.path() / "elsewhere" / "real";
  std::ofstream(real) << "old";
  fs::create_symlink("elsewhere/real", folder.path() / "one");
  fs::create_symlink(folder.path() / "one", folder.path() / "two");
  fs::create_symlink("elsewhere/new", folder.path() / "dangling");
  for (const char* name : {"two", "dangling"}) {
    AtomicFile file(folder.path() / name);
    file.write(name);
    file.commit();
    EXPECT_TRUE(fs::is_symlink(folder.path() / name));
    EXPECT_EQ(read_file(folder.path() / name), name);
  }
  EXPECT_EQ(read_file(real), "two");
  EXPECT_EQ(files_in(folder.path() / "elsewhere"), 2U);
}

// A limit on the size of files stands for a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes)
      : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

TEST(TensorFileWriter, LeavesNothingOnAFullDisk) {
  const TemporaryFolder folder;
  const std::vector<TensorSpec> tensors = {{"t", DType::kF32, {100'000}}};
  const FileSizeLimit limit(10'000);
  EXPECT_THAT(error_of([&] {
                write_in_portions(
                    write_gguf(folder.path() / "m.gguf", {}, tensors), tensors);
              }),
              Optional(HasSubstr("m.gguf: cannot write")));
  EXPECT_EQ(files_in(folder.path()), 0U);
}

}  // namespace
}  // namespace pilotfish
