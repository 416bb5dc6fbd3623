#include "formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "formats/hostile_test.h"

namespace pilotfish {
namespace {

using test::error_of;
using test::parse_error;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

// Builds files byte by byte from the specification, independently of the
// project's own writer; wrong ones too.
class Bytes {
 public:
  template <typename T>
  Bytes& put(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  Bytes& u8(std::uint8_t v) { return put(v); }
  Bytes& u32(std::uint32_t v) { return put(v); }
  Bytes& u64(std::uint64_t v) { return put(v); }
  Bytes& text(std::string_view v) {
    u64(v.size());
    text_ += v;
    return *this;
  }
  Bytes& raw(std::string_view v) {
    text_ += v;
    return *this;
  }
  Bytes& start(std::uint64_t tensors, std::uint64_t pairs,
               std::uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(tensors).u64(pairs);
  }
  Bytes& tensor(std::string_view name, std::vector<std::uint64_t> dimensions,
                std::uint32_t type, std::uint64_t offset) {
    text(name).u32(static_cast<std::uint32_t>(dimensions.size()));
    for (const auto dimension : dimensions) u64(dimension);
    return u32(type).u64(offset);
  }
  Bytes& pad_to(size_t alignment) {
    while (text_.size() % alignment != 0) text_ += '\0';
    return *this;
  }
  Bytes& floats(int count) {
    for (int i = 0; i < count; ++i) put(static_cast<float>(i));
    return *this;
  }
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

void check_gguf(const MappedFile& file) {
  const GgufFile parsed = parse_gguf(file);
  test::check_tensors(parsed.tensors, parsed.file);
}

// The metadata of a file that has only this, after its key's "k".
GgufMetadata metadata_of(const Bytes& value) {
  const std::string file = Bytes().start(0, 1).text("k").raw(value.str()).str();
  return parse_gguf(
             MappedFile::from_memory(std::as_bytes(std::span(file)), "m.gguf"))
      .metadata;
}

constexpr std::uint32_t kU8 = 0, kI8 = 1, kU16 = 2, kI16 = 3, kU32 = 4,
                        kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9,
                        kU64 = 10, kI64 = 11, kF64 = 12;

TEST(Gguf, WidensEveryScalar) {
  EXPECT_THAT(metadata_of(Bytes().u32(kU8).u8(200)).integer("k"),
              Optional(200));
  EXPECT_THAT(metadata_of(Bytes().u32(kI8).put<std::int8_t>(-7)).integer("k"),
              Optional(-7));
  EXPECT_THAT(
      metadata_of(Bytes().u32(kU16).put<std::uint16_t>(65535)).integer("k"),
      Optional(65535));
  EXPECT_THAT(
      metadata_of(Bytes().u32(kI16).put<std::int16_t>(-300)).integer("k"),
      Optional(-300));
  EXPECT_THAT(metadata_of(Bytes().u32(kU32).u32(4000000000)).integer("k"),
              Optional(4000000000));
  EXPECT_THAT(metadata_of(Bytes().u32(kI32).put<std::int32_t>(-5)).integer("k"),
              Optional(-5));
  EXPECT_THAT(
      metadata_of(Bytes().u32(kU64).u64(std::uint64_t{1} << 62)).integer("k"),
      Optional(std::int64_t{1} << 62));
  EXPECT_THAT(metadata_of(Bytes().u32(kI64).put<std::int64_t>(-9)).integer("k"),
              Optional(-9));
  EXPECT_THAT(metadata_of(Bytes().u32(kF32).put(0.25F)).number("k"),
              Optional(0.25));
  EXPECT_THAT(metadata_of(Bytes().u32(kF64).put(0.1)).number("k"),
              Optional(0.1));
  EXPECT_THAT(metadata_of(Bytes().u32(kBool).u8(1)).boolean("k"),
              Optional(true));
  EXPECT_EQ(*metadata_of(Bytes().u32(kString).text("a\nb")).string("k"),
            "a\nb");
}

TEST(Gguf, WidensArrays) {
  EXPECT_THAT(*metadata_of(Bytes().u32(kArray).u32(kU8).u64(2).u8(1).u8(255))
                   .integers("k"),
              ElementsAre(1, 255));
  EXPECT_THAT(
      *metadata_of(Bytes().u32(kArray).u32(kI32).u64(1).put<std::int32_t>(-1))
           .integers("k"),
      ElementsAre(-1));
  EXPECT_THAT(
      *metadata_of(Bytes().u32(kArray).u32(kF32).u64(2).put(1.5F).put(-2.F))
           .numbers("k"),
      ElementsAre(1.5, -2.0));
  EXPECT_THAT(
      *metadata_of(Bytes().u32(kArray).u32(kString).u64(2).text("x").text(""))
           .strings("k"),
      ElementsAre("x", ""));
  const GgufMetadata bools =
      metadata_of(Bytes().u32(kArray).u32(kBool).u64(2).u8(0).u8(1));
  EXPECT_EQ(std::get<std::vector<bool>>(bools.values().at("k")),
            (std::vector<bool>{false, true}));
}

TEST(Gguf, AccessorsNameFileKeyAndTypes) {
  const GgufMetadata text = metadata_of(Bytes().u32(kString).text("x"));
  EXPECT_THAT(error_of([&] { text.integer("k"); }),
              Optional(std::string("m.gguf: key \"k\": found a string, "
                                   "expected an integer")));
  EXPECT_THAT(error_of([&] { text.number("k"); }),
              Optional(HasSubstr("expected a number")));
  EXPECT_THAT(error_of([&] { text.boolean("k"); }),
              Optional(HasSubstr("expected a bool")));
  EXPECT_THAT(error_of([&] { text.strings("k"); }),
              Optional(HasSubstr("expected an array of strings")));
  const GgufMetadata natural = metadata_of(Bytes().u32(kU32).u32(3));
  EXPECT_THAT(natural.number("k"), Optional(3.0));
  EXPECT_THAT(error_of([&] { natural.string("k"); }),
              Optional(HasSubstr("found an integer, expected a string")));
  const GgufMetadata huge =
      metadata_of(Bytes().u32(kU64).u64(~std::uint64_t{0}));
  EXPECT_THAT(error_of([&] { huge.integer("k"); }),
              Optional(HasSubstr("18446744073709551615")));
  EXPECT_EQ(text.integer("absent"), std::nullopt);
  EXPECT_EQ(text.string("absent"), nullptr);
}

// Two float tensors [2, 3] and [4], data 32-aligned.
Bytes two_tensors() {
  Bytes b;
  b.start(2, 1).text("general.architecture").u32(kString).text("llama");
  b.tensor("a.weight", {3, 2}, 0, 0).tensor("b", {4}, 0, 32);
  b.pad_to(32).floats(6).pad_to(32).floats(4).pad_to(32);
  return b;
}

TEST(Gguf, PlacesTensorsAndReversesShapes) {
  for (const std::uint32_t version : {2U, 3U}) {
    std::string file = two_tensors().str();
    std::memcpy(&file[4], &version, 4);
    const GgufFile parsed = parse_gguf(
        MappedFile::from_memory(std::as_bytes(std::span(file)), "f"));
    ASSERT_EQ(parsed.tensors.size(), 2U);
    EXPECT_EQ(parsed.tensors[0].name, "a.weight");
    EXPECT_THAT(parsed.tensors[0].shape, ElementsAre(2, 3));
    EXPECT_EQ(parsed.tensors[0].bytes, 24);
    EXPECT_THAT(parsed.tensors[1].shape, ElementsAre(4));
    float last = 0;
    std::memcpy(&last, parsed.tensors[1].data + 12, 4);
    EXPECT_EQ(last, 3.0F);
  }
}

TEST(Gguf, HonoursAlignment) {
  Bytes b;
  b.start(1, 1).text("general.alignment").u32(kU32).u32(256);
  b.tensor("t", {1}, 0, 256).pad_to(256);
  const size_t data = b.str().size();
  b.floats(64).put(7.0F);
  const GgufFile parsed = parse_gguf(
      MappedFile::from_memory(std::as_bytes(std::span(b.str())), "f"));
  EXPECT_EQ(parsed.tensors[0].data - parsed.file.bytes().data(), data + 256);
}

TEST(Gguf, RefusesBadAlignment) {
  for (const std::uint32_t alignment : {0U, 24U, 0x80000000U}) {
    const std::string file = Bytes()
                                 .start(0, 1)
                                 .text("general.alignment")
                                 .u32(kU32)
                                 .u32(alignment)
                                 .str();
    EXPECT_THAT(parse_error(file, check_gguf),
                Optional(HasSubstr("power of two")));
  }
  Bytes b;
  b.start(1, 0).tensor("t", {1}, 0, 16).pad_to(32).floats(64);
  EXPECT_THAT(parse_error(b.str(), check_gguf),
              Optional(HasSubstr("multiple of 32")));
}

TEST(Gguf, ReadsQuantisedBlocksAndRefusesPartOfOne) {
  Bytes whole;
  whole.start(1, 0).tensor("t", {64, 2}, 8, 0).pad_to(32);
  whole.raw(std::string(4 * 34, 'x'));
  const GgufFile parsed = parse_gguf(
      MappedFile::from_memory(std::as_bytes(std::span(whole.str())), "f"));
  EXPECT_EQ(parsed.tensors[0].dtype, DType::kQ8_0);
  EXPECT_EQ(parsed.tensors[0].bytes, 136);

  Bytes part;
  part.start(1, 0).tensor("t", {33, 2}, 8, 0).pad_to(32);
  part.raw(std::string(400, 'x'));
  EXPECT_THAT(parse_error(part.str(), check_gguf),
              Optional(HasSubstr("whole blocks of 32")));
}

// A tensor of a type that is not read does no harm to the others.
TEST(Gguf, KeepsOtherTypesApart) {
  Bytes b;
  b.start(3, 0)
      .tensor("blk.0.x", {256}, 16, 0)
      .tensor("t", {3}, 999, 96)
      .tensor("plain", {2}, 0, 192);
  const std::string file = b.pad_to(32).floats(64).str();
  const GgufFile parsed = parse_gguf(
      MappedFile::from_memory(std::as_bytes(std::span(file)), "m.gguf"));
  ASSERT_EQ(parsed.tensors.size(), 1U);
  EXPECT_EQ(parsed.tensors[0].name, "plain");
  EXPECT_EQ(parsed.tensors[0].bytes, 8);
  EXPECT_EQ(parsed.unreadable.at("blk.0.x"), "iq2_xxs (16)");
  EXPECT_EQ(parsed.unreadable.at("t"), "unknown (999)");
  // Where it lies is checked all the same.
  Bytes outside;
  outside.start(1, 0).tensor("t", {256}, 999, 320).pad_to(32).floats(64);
  EXPECT_THAT(parse_error(outside.str(), check_gguf),
              Optional(HasSubstr("tensor \"t\" needs")));
}

TEST(Gguf, RefusesOtherFiles) {
  EXPECT_THAT(parse_error("", check_gguf),
              Optional(HasSubstr("the file is empty")));
  EXPECT_THAT(parse_error(" \n<HTML lang=en><body>", check_gguf),
              Optional(HasSubstr("a web page")));
  EXPECT_THAT(parse_error("version https://git-lfs.github.com/spec/v1\noid "
                          "sha256:0123\nsize 5\n",
                          check_gguf),
              Optional(HasSubstr("a git-lfs pointer")));
  EXPECT_THAT(parse_error("GGUX1234567890", check_gguf),
              Optional(HasSubstr("not a GGUF file")));
  EXPECT_THAT(parse_error(Bytes().start(0, 0, 1).str(), check_gguf),
              Optional(HasSubstr("version 1")));
  EXPECT_THAT(parse_error(Bytes().start(0, 0, 4).str(), check_gguf),
              Optional(HasSubstr("version 4")));
  EXPECT_THAT(parse_error(Bytes().start(0, 0, 0x03000000).str(), check_gguf),
              Optional(HasSubstr("big-endian")));
}

TEST(Gguf, RefusesCountsBeyondTheFile) {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
  const std::string filler(64, '\0');
  // Five would fit if they took a byte each.
  for (const std::uint64_t count : {std::uint64_t{5}, kHuge, kHuge / 13}) {
    EXPECT_THAT(
        parse_error(Bytes().start(count, 0).raw(filler).str(), check_gguf),
        Optional(HasSubstr("number of tensors")));
    EXPECT_THAT(
        parse_error(Bytes().start(0, count).raw(filler).str(), check_gguf),
        Optional(HasSubstr("number of metadata keys")));
    if (count == 5) continue;
    Bytes text;
    text.start(0, 1).u64(count).raw(filler);
    EXPECT_THAT(parse_error(text.str(), check_gguf),
                Optional(HasSubstr("key 0")));
    for (std::uint32_t type = 0; type <= 12; ++type) {
      Bytes array;
      array.start(0, 1).text("k").u32(kArray).u32(type).u64(count).raw(filler);
      EXPECT_THAT(parse_error(array.str(), check_gguf),
                  Optional(HasSubstr("\"k\"")));
    }
  }
}

TEST(Gguf, RefusesOverflowingShapes) {
  for (const auto& dimensions : std::vector<std::vector<std::uint64_t>>{
           {~std::uint64_t{0}},
           {std::uint64_t{1} << 62, 2},
           {std::uint64_t{1} << 32, std::uint64_t{1} << 32},
           {0, std::uint64_t{1} << 62, 4},
           {4, std::uint64_t{1} << 62, 0}}) {
    Bytes b;
    b.start(1, 0).tensor("t", dimensions, 0, 0).pad_to(32).floats(8);
    EXPECT_THAT(parse_error(b.str(), check_gguf),
                Optional(HasSubstr("too large")));
  }
  Bytes five;
  five.start(1, 0).tensor("t", {1, 1, 1, 1, 1}, 0, 0).pad_to(32).floats(8);
  EXPECT_THAT(parse_error(five.str(), check_gguf),
              Optional(HasSubstr("at most 4")));
}

TEST(Gguf, RefusesOverlapAndWhatLiesOutside) {
  Bytes overlap;
  overlap.start(3, 0).tensor("a", {4}, 0, 64).tensor("b", {9}, 0, 0);
  overlap.tensor("c", {1}, 0, 32).pad_to(32).floats(64);
  EXPECT_THAT(parse_error(overlap.str(), check_gguf),
              Optional(HasSubstr("tensors \"b\" and \"c\" overlap")));
  for (const std::uint64_t offset :
       {std::uint64_t{256}, std::uint64_t{224}, ~std::uint64_t{31}}) {
    Bytes outside;
    outside.start(1, 0).tensor("a", {16}, 0, offset).pad_to(32).floats(64);
    EXPECT_THAT(parse_error(outside.str(), check_gguf),
                Optional(HasSubstr("truncated or damaged")));
  }
}

TEST(Gguf, RefusesDuplicates) {
  Bytes keys;
  keys.start(0, 2).text("k").u32(kU8).u8(1).text("k").u32(kU8).u8(1);
  EXPECT_THAT(parse_error(keys.str(), check_gguf),
              Optional(HasSubstr("key \"k\" appears twice")));
  Bytes tensors;
  tensors.start(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32);
  tensors.pad_to(32).floats(16);
  EXPECT_THAT(parse_error(tensors.str(), check_gguf),
              Optional(HasSubstr("tensor \"t\" appears twice")));
}

TEST(Gguf, RefusesOddValues) {
  EXPECT_THAT(error_of([] { metadata_of(Bytes().u32(kBool).u8(2)); }),
              Optional(HasSubstr("bool")));
  EXPECT_THAT(error_of([] { metadata_of(Bytes().u32(13).u64(0)); }),
              Optional(HasSubstr("unknown value type 13")));
  EXPECT_THAT(
      error_of([] { metadata_of(Bytes().u32(kArray).u32(kArray).u64(0)); }),
      Optional(HasSubstr("array of arrays")));
  EXPECT_THAT(
      error_of([] {
        metadata_of(Bytes().u32(kArray).u32(kU64).u64(1).u64(~std::uint64_t{}));
      }),
      Optional(HasSubstr("63 bits")));
}

TEST(Gguf, MessagesStayOnOneLine) {
  Bytes b;
  const std::string name = std::string("two\nlines\x01\xff").append(500, 'x');
  b.start(1, 0).tensor(name, {256}, 0, 0);
  EXPECT_THAT(parse_error(b.str(), check_gguf),
              Optional(HasSubstr("\"two\\x0alines\\x01\\xffxxx")));
}

// A file with every type of value, for the exhaustive tests below.
Bytes rich_file() {
  Bytes b;
  b.start(2, 6).text("general.alignment").u32(kU32).u32(32);
  b.text("s").u32(kString).text("text");
  b.text("f").u32(kF64).put(1.0);
  b.text("b").u32(kArray).u32(kBool).u64(2).u8(0).u8(1);
  b.text("i").u32(kArray).u32(kI16).u64(2).u32(0);
  b.text("t").u32(kArray).u32(kString).u64(2).text("x").text("yz");
  b.tensor("a.weight", {3, 2}, 0, 0).tensor("q", {32}, 2, 32);
  return b.pad_to(32).floats(6).pad_to(32).raw(std::string(18, 'q'));
}

TEST(Gguf, SurvivesEveryTruncation) {
  EXPECT_EQ(parse_error(rich_file().str(), check_gguf), std::nullopt);
  test::try_every_truncation(rich_file().str(), check_gguf);
}

TEST(Gguf, SurvivesEveryBitFlip) {
  const std::string whole = rich_file().str();
  test::try_every_bit_flip(whole, whole.size(), check_gguf);
}

TEST(Gguf, SurvivesTheFuzzersCases) { test::try_corpus("gguf", check_gguf); }

TEST(Gguf, ReadsRealFiles) {
  SKIP_WITHOUT_DATA("gguf/llama-2-tiny-random.gguf");
  const GgufFile file = parse_gguf(
      MappedFile::open(test::data_path("gguf/llama-2-tiny-random.gguf")));
  EXPECT_EQ(file.tensors.size(), 12U);
  EXPECT_EQ(*file.metadata.string("general.architecture"), "llama");
  EXPECT_THAT(file.metadata.integer("llama.block_count"), Optional(1));
  EXPECT_EQ(file.metadata.strings("tokenizer.ggml.tokens")->size(), 32000U);
  const GgufFile vocabulary = parse_gguf(
      MappedFile::open(test::data_path("gguf/ggml-vocab-llama-spm.gguf")));
  EXPECT_TRUE(vocabulary.tensors.empty());
  EXPECT_THAT(vocabulary.metadata.boolean("tokenizer.ggml.add_bos_token"),
              Optional(true));
}

}  // namespace
}  // namespace pilotfish
