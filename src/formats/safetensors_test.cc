#include "formats/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "formats/hostile_test.h"
#include "tensor/quantise.h"

namespace pilotfish {
namespace {

using test::parse_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

// A file from the text of its header and so many bytes of data.
std::string file_of(const std::string& header, size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  file += header;
  for (size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

void check_safetensors(const MappedFile& file) {
  const SafetensorsFile parsed = parse_safetensors(file);
  test::check_tensors(parsed.tensors, parsed.file);
}

constexpr const char* kTwo =
    R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
    R"("__metadata__":{"format":"pt"},)"
    R"("a":{"dtype":"BF16","shape":[1,3],"data_offsets":[8,14]}}   )";

TEST(Safetensors, PlacesTensorsInNameOrder) {
  const std::string file = file_of(kTwo, 14);
  const SafetensorsFile parsed = parse_safetensors(
      MappedFile::from_memory(std::as_bytes(std::span(file)), "f"));
  ASSERT_EQ(parsed.tensors.size(), 2U);
  EXPECT_EQ(parsed.tensors[0].name, "a");
  EXPECT_EQ(parsed.tensors[0].dtype, DType::kBF16);
  EXPECT_THAT(parsed.tensors[0].shape, ElementsAre(1, 3));
  EXPECT_EQ(*parsed.tensors[0].data, std::byte{8});
  EXPECT_EQ(parsed.tensors[1].name, "b");
  EXPECT_EQ(parsed.tensors[1].bytes, 8);
  EXPECT_EQ(*parsed.tensors[1].data, std::byte{0});
}

TEST(Safetensors, TakesScalarsAndEmptyTensors) {
  EXPECT_EQ(
      parse_error(
          file_of(R"({"s":{"dtype":"F16","shape":[],"data_offsets":[0,2]},)"
                  R"("e":{"dtype":"F32","shape":[0,5],"data_offsets":[2,2]}})",
                  2),
          check_safetensors),
      std::nullopt);
  EXPECT_EQ(parse_error(file_of("{}", 0), check_safetensors), std::nullopt);
}

TEST(Safetensors, KeepsOtherDtypesApart) {
  const std::string file =
      file_of(R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})", 8);
  const SafetensorsFile parsed = parse_safetensors(
      MappedFile::from_memory(std::as_bytes(std::span(file)), "f"));
  EXPECT_TRUE(parsed.tensors.empty());
  EXPECT_EQ(parsed.unreadable.at("i"), "I64");
}

struct BadFile {
  const char* header;
  size_t data_bytes;
  const char* message;
};

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsRefused) {
  const BadFile& bad = GetParam();
  EXPECT_THAT(
      parse_error(file_of(bad.header, bad.data_bytes), check_safetensors),
      Optional(HasSubstr(bad.message)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadSafetensors,
    testing::Values(
        BadFile{"", 0, "not valid JSON"},
        BadFile{"[]", 0, "expected an object"},
        BadFile{"{\"a\":1}", 0, "no JSON object"},
        BadFile{"{\"a\":{}}", 0, "\"dtype\" is missing"},
        BadFile{R"({"a":{"dtype":3}})", 0, "\"dtype\" is not a string"},
        BadFile{R"({"a":{"dtype":"F32"}})", 0, "\"shape\" is missing"},
        BadFile{R"({"a":{"dtype":"F32","shape":1}})", 0,
                "\"shape\" is not an arr"},
        BadFile{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4,
                "not a natural number"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
                4, "not a natural number"},
        BadFile{
            R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})",
            4, "not a natural number"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4,
                "expected [begin, end]"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4,
                "expected [begin, end]"},
        BadFile{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                "shape [2] of F32 takes 8"},
        BadFile{
            R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
            0, "too many to count"},
        BadFile{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7,
                "ends at byte 8 of the data, which has 7"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5,
                "1 bytes follow the last tensor"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8,
                "overlap or leave a hole"},
        BadFile{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                8, "overlap or leave a hole"},
        BadFile{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                8, "key \"a\" appears twice"},
        BadFile{
            R"({"a":{"dtype":"Q9","shape":[1],"data_offsets":[0,9223372036854775807]}})",
            8, "ends at byte 9223372036854775807"}));

TEST(Safetensors, RefusesHeaderBeyondTheFile) {
  EXPECT_THAT(parse_error("", check_safetensors),
              Optional(HasSubstr("the file is empty")));
  EXPECT_THAT(parse_error("1234567", check_safetensors),
              Optional(HasSubstr("7 bytes")));
  for (const std::uint64_t length :
       {std::uint64_t{1} << 63, ~std::uint64_t{0}, std::uint64_t{15}}) {
    std::string file = file_of("{}", 8);
    std::memcpy(file.data(), &length, sizeof(length));
    EXPECT_TRUE(parse_error(file, check_safetensors)) << length;
  }
}

TEST(Safetensors, RefusesDeepNesting) {
  const std::string deep(100'000, '[');
  EXPECT_THAT(parse_error(file_of("{\"a\":" + deep, 0), check_safetensors),
              Optional(HasSubstr("nested deeper than 64")));
}

TEST(Safetensors, SurvivesEveryTruncation) {
  EXPECT_EQ(parse_error(file_of(kTwo, 14), check_safetensors), std::nullopt);
  test::try_every_truncation(file_of(kTwo, 14), check_safetensors);
}

TEST(Safetensors, SurvivesEveryBitFlip) {
  const std::string whole = file_of(kTwo, 14);
  test::try_every_bit_flip(whole, whole.size(), check_safetensors);
}

TEST(Safetensors, SurvivesTheFuzzersCases) {
  test::try_corpus("safetensors", check_safetensors);
}

TEST(Safetensors, ReadsARealFile) {
  SKIP_WITHOUT_DATA("models/stories260K/model.safetensors");
  const SafetensorsFile file = parse_safetensors(MappedFile::open(
      test::data_path("models/stories260K/model.safetensors")));
  EXPECT_EQ(file.tensors.size(), 47U);
  EXPECT_TRUE(file.unreadable.empty());
}

}  // namespace
}  // namespace pilotfish
