#include "formats/checkpoint.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "formats/gguf_writer.h"
#include "formats/hostile_test.h"
#include "formats/safetensors_writer.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Tensors of one float each, whose value is the length of their name.
void fill(TensorFileWriter writer, const std::vector<TensorSpec>& tensors) {
  for (const TensorSpec& tensor : tensors) {
    const auto value = static_cast<float>(tensor.name.size());
    writer.write(std::as_bytes(std::span(&value, 1)));
  }
  writer.finish();
}

std::vector<TensorSpec> named(const std::vector<std::string>& names) {
  std::vector<TensorSpec> tensors;
  for (const std::string& name : names) {
    tensors.push_back({name, DType::kF32, {1}});
  }
  return tensors;
}

void write_shard(const fs::path& path, const std::vector<std::string>& names) {
  fill(write_safetensors(path, named(names)), named(names));
}

float value_of(const Checkpoint& checkpoint, std::string_view name) {
  const TensorView* tensor = checkpoint.find(name);
  float value = -1;
  if (tensor) std::memcpy(&value, tensor->data, sizeof(value));
  return value;
}

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const TensorView& tensor : checkpoint.tensors()) {
    names.push_back(tensor.name);
  }
  return names;
}

class HuggingFaceFolder : public testing::Test {
 protected:
  HuggingFaceFolder() { write("config.json", "{\"hidden_size\": 8}"); }

  fs::path at(const std::string& name) const { return folder_.path() / name; }
  void write(const std::string& name, std::string_view text) const {
    write_text(at(name), text);
  }
  void write_index(const std::string& weight_map) const {
    write("model.safetensors.index.json",
          "{\"metadata\": {}, \"weight_map\": " + weight_map + "}");
  }
  std::shared_ptr<const Checkpoint> open() const {
    return Checkpoint::open(folder_.path());
  }
  std::optional<std::string> open_error() const {
    return error_of([&] { open(); });
  }

  TemporaryFolder folder_;
};

TEST_F(HuggingFaceFolder, OpensSingleFile) {
  write_shard(at("model.safetensors"), {"ccc", "a", "bb"});
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->kind(), Checkpoint::Kind::kHuggingFace);
  EXPECT_EQ(checkpoint->path(), folder_.path());
  EXPECT_THAT(names_of(*checkpoint), ElementsAre("a", "bb", "ccc"));
  EXPECT_EQ(value_of(*checkpoint, "bb"), 2.0F);
  EXPECT_EQ(checkpoint->find("b"), nullptr);
  EXPECT_EQ(checkpoint->find("d"), nullptr);
  EXPECT_EQ(checkpoint->config().at("hidden_size"), 8);
  EXPECT_TRUE(checkpoint->generation_config().empty());
  EXPECT_THROW(checkpoint->metadata(), std::logic_error);
}

TEST_F(HuggingFaceFolder, ReadsGenerationConfig) {
  write_shard(at("model.safetensors"), {"a"});
  write("generation_config.json", "{\"eos_token_id\": [2, 3]}");
  EXPECT_EQ(open()->generation_config().at("eos_token_id").size(), 2U);
  write("generation_config.json", "{\"eos_token_id\": ");
  EXPECT_THAT(open_error(), Optional(HasSubstr("generation_config.json: not "
                                               "valid JSON at byte")));
}

TEST_F(HuggingFaceFolder, OpensShards) {
  write_shard(at("one.safetensors"), {"a", "extra"});
  write_shard(at("two.safetensors"), {"bb", "ccc"});
  write_index(R"({"a": "one.safetensors", "bb": "two.safetensors",
                  "ccc": "two.safetensors"})");
  const auto checkpoint = open();
  EXPECT_THAT(names_of(*checkpoint), ElementsAre("a", "bb", "ccc"));
  EXPECT_EQ(value_of(*checkpoint, "ccc"), 3.0F);
}

TEST_F(HuggingFaceFolder, FollowsLinkedShards) {
  write_shard(at("blob"), {"a"});
  fs::create_symlink(at("blob"), at("model.safetensors"));
  EXPECT_EQ(open()->tensors().size(), 1U);
}

TEST_F(HuggingFaceFolder, RefusesMissingShardsAndTensors) {
  write_index(R"({"a": "one.safetensors"})");
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("shard \"one.safetensors\" is missing")));
  write_shard(at("one.safetensors"), {"b"});
  EXPECT_THAT(open_error(), Optional(HasSubstr("no tensor \"a\"")));
}

TEST_F(HuggingFaceFolder, KeepsShardsInsideTheFolder) {
  for (const char* shard :
       {"../one.safetensors", "/etc/one.safetensors", "x/one.safetensors", "..",
        ".safetensors", "", "model.safetensors.index.json", "config.json",
        "one.safetensors\\u0000", "..\\\\one.safetensors"}) {
    write_index(fmt::format("{{\"a\": \"{}\"}}", shard));
    EXPECT_THAT(open_error(), Optional(HasSubstr("in the same folder")))
        << shard;
  }
}

TEST_F(HuggingFaceFolder, RefusesAnIndexInASafetensorsName) {
  // A shard that is the index itself, by a link.
  write_index(R"({"a": "one.safetensors"})");
  fs::create_symlink(at("model.safetensors.index.json"), at("one.safetensors"));
  EXPECT_THAT(open_error(), Optional(HasSubstr("one.safetensors")));
  // A link to itself.
  fs::remove(at("one.safetensors"));
  fs::create_symlink(at("one.safetensors"), at("one.safetensors"));
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("Too many levels of symbolic links")));
}

TEST_F(HuggingFaceFolder, RefusesMalformedIndex) {
  for (const char* index :
       {"", "[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}",
        "{\"weight_map\": {\"a\": \"x.safetensors\", \"a\": \"x\"}}"}) {
    write("model.safetensors.index.json", index);
    EXPECT_THAT(open_error(), Optional(HasSubstr("index.json"))) << index;
  }
}

TEST_F(HuggingFaceFolder, NamesWhatIsMissing) {
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("neither model.safetensors nor")));
  write("pytorch_model.bin", "x");
  EXPECT_THAT(open_error(), Optional(HasSubstr("save it as safetensors")));
  write_shard(at("model.safetensors"), {"a"});
  write("config.json", "[1]");
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("config.json: found a JSON array, expected")));
  fs::remove(at("config.json"));
  EXPECT_THAT(open_error(), Optional(HasSubstr("no config.json")));
}

TEST_F(HuggingFaceFolder, RefusesUnreadableDtypesOnlyWhenAsked) {
  const std::string header =
      R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})";
  const std::uint64_t length = header.size();
  write("model.safetensors",
        std::string(reinterpret_cast<const char*>(&length), 8) + header +
            std::string(8, '\0'));
  const auto checkpoint = open();
  EXPECT_TRUE(checkpoint->tensors().empty());
  EXPECT_THAT(error_of([&] { checkpoint->find("i"); }),
              Optional(HasSubstr("tensor \"i\" has dtype \"I64\"")));

  fs::rename(at("model.safetensors"), at("one.safetensors"));
  write_index(R"({"i": "one.safetensors"})");
  EXPECT_THAT(error_of([&] { open()->find("i"); }),
              Optional(HasSubstr("one.safetensors")));
}

constexpr const char* kLfsPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid "
    "sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    "\nsize 12345\n";

// What a checkout without git-lfs, a failed download and a cache from which
// something was removed leave in place of a file.
TEST_F(HuggingFaceFolder, ExplainsWhatLiesInPlaceOfAFile) {
  write("model.safetensors", kLfsPointer);
  EXPECT_THAT(open_error(), Optional(HasSubstr("a git-lfs pointer")));
  write("model.safetensors", "<!DOCTYPE html>\n<html><head>");
  EXPECT_THAT(open_error(), Optional(HasSubstr("a web page")));
  write("model.safetensors", "");
  EXPECT_THAT(open_error(), Optional(HasSubstr("the file is empty")));
  write_shard(at("model.safetensors"), {"a"});
  write("config.json", kLfsPointer);
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("config.json: a git-lfs pointer")));
  write("config.json", "<html>");
  EXPECT_THAT(open_error(), Optional(HasSubstr("config.json: a web page")));
  write("config.json", "{}");
  EXPECT_FALSE(open_error());

  fs::remove(at("model.safetensors"));
  fs::create_symlink("../blobs/1234", at("model.safetensors"));
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("model.safetensors: a link to ../blobs/1234, "
                                 "which is not there")));
  fs::remove(at("config.json"));
  fs::create_symlink("../blobs/5678", at("config.json"));
  EXPECT_THAT(open_error(), Optional(HasSubstr("config.json: a link to")));
}

TEST_F(HuggingFaceFolder, NamesShardsThatLeadNowhere) {
  write_index(R"({"a": "one.safetensors"})");
  fs::create_symlink("../blobs/1234", at("one.safetensors"));
  EXPECT_THAT(open_error(), Optional(HasSubstr("one.safetensors: a link to")));
}

// Opening a pipe that nobody writes to must not wait for a writer.
TEST_F(HuggingFaceFolder, DoesNotWaitForAPipe) {
  ASSERT_EQ(::mkfifo(at("pipe.gguf").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { Checkpoint::open(at("pipe.gguf")); }),
              Optional(HasSubstr("pipe.gguf: a pipe, not a regular file")));
  ASSERT_EQ(::mkfifo(at("model.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(open_error(), Optional(HasSubstr("a pipe, not a regular file")));
}

// Python writes floats that JSON has no numbers for by name.
TEST_F(HuggingFaceFolder, ReadsPythonsLiterals) {
  write_shard(at("model.safetensors"), {"a"});
  write("config.json",
        R"({"a": Infinity, "b": [-Infinity, NaN], "c": "NaN, \"Infinity",
            "d": 1})");
  const auto checkpoint = open();
  const auto& config = checkpoint->config();
  EXPECT_EQ(config.at("a"), "Infinity");
  EXPECT_EQ(config.at("b").at(0), "-Infinity");
  EXPECT_EQ(config.at("b").at(1), "NaN");
  EXPECT_EQ(config.at("c"), "NaN, \"Infinity");
  EXPECT_EQ(config.at("d"), 1);
  // Places in messages are those of the file.
  write("config.json", R"({"a": NaN, "b": nan})");
  EXPECT_THAT(open_error(), Optional(HasSubstr("not valid JSON at byte 18")));
  write("config.json", R"({"a": 1 NaN})");
  EXPECT_THAT(open_error(), Optional(HasSubstr("not valid JSON at byte 11")));
  write("config.json", R"({"a": nan})");
  EXPECT_THAT(open_error(), Optional(HasSubstr("not valid JSON at byte 8")));
}

class GgufFiles : public testing::Test {
 protected:
  fs::path part(int index) const {
    return folder_.path() / fmt::format("m-{:05}-of-00003.gguf", index + 1);
  }

  void write_part(int index, const std::vector<std::string>& names,
                  std::uint32_t number, std::uint32_t count = 3,
                  std::uint32_t total = 4) const {
    GgufHeader header;
    header.set_string("general.architecture", "llama");
    header.set_u32("split.no", number);
    header.set_u32("split.count", count);
    header.set_u32("split.tensors.count", total);
    fill(write_gguf(part(index), header, named(names)), named(names));
  }

  void write_parts() const {
    write_part(0, {"a", "dddd"}, 0);
    write_part(1, {"bb"}, 1);
    write_part(2, {"ccc"}, 2);
  }

  std::optional<std::string> open_error(int index = 0) const {
    return error_of([&] { Checkpoint::open(part(index)); });
  }

  TemporaryFolder folder_;
};

TEST_F(GgufFiles, OpensSplitFile) {
  write_parts();
  const auto checkpoint = Checkpoint::open(part(0));
  EXPECT_EQ(checkpoint->kind(), Checkpoint::Kind::kGguf);
  EXPECT_THAT(names_of(*checkpoint), ElementsAre("a", "bb", "ccc", "dddd"));
  EXPECT_EQ(value_of(*checkpoint, "dddd"), 4.0F);
  EXPECT_EQ(value_of(*checkpoint, "ccc"), 3.0F);
  EXPECT_EQ(*checkpoint->metadata().string("general.architecture"), "llama");
  EXPECT_THROW(checkpoint->config(), std::logic_error);
  EXPECT_THROW(checkpoint->generation_config(), std::logic_error);
}

TEST_F(GgufFiles, NamesWhatIsWrongWithASplitFile) {
  write_parts();
  EXPECT_THAT(open_error(1), Optional(HasSubstr("-00001-of-00003.gguf")));
  fs::remove(part(2));
  EXPECT_THAT(open_error(), Optional(HasSubstr("part 3 of 3 is missing")));
  write_part(2, {"ccc"}, 1);
  EXPECT_THAT(open_error(),
              Optional(HasSubstr("key \"split.no\": found 1, expected 2")));
  write_part(2, {"ccc"}, 2, 4);
  EXPECT_THAT(open_error(), Optional(HasSubstr("key \"split.count\"")));
  write_part(2, {"a"}, 2);
  EXPECT_THAT(open_error(), Optional(HasSubstr("two parts have a tensor")));
  write_part(2, {}, 2);
  EXPECT_THAT(open_error(), Optional(HasSubstr("split.tensors.count")));
  fs::rename(part(0), folder_.path() / "renamed.gguf");
  EXPECT_THAT(
      error_of([&] { Checkpoint::open(folder_.path() / "renamed.gguf"); }),
      Optional(HasSubstr("expected a name that ends in")));
  write_part(0, {"a"}, 0, 100'000);
  EXPECT_THAT(open_error(), Optional(HasSubstr("at most 99999")));
}

TEST_F(GgufFiles, ExplainsOtherPaths) {
  EXPECT_THAT(error_of([&] { Checkpoint::open(folder_.path() / "none"); }),
              Optional(HasSubstr("no such file or folder")));
  write_shard(folder_.path() / "model.safetensors", {"a"});
  EXPECT_THAT(
      error_of([&] { Checkpoint::open(folder_.path() / "model.safetensors"); }),
      Optional(
          HasSubstr("weights alone; expected a GGUF file, or the folder")));
  write_text(folder_.path() / "config.json", "{}");
  EXPECT_THAT(
      error_of([&] { Checkpoint::open(folder_.path() / "model.safetensors"); }),
      Optional(
          HasSubstr("give the folder itself: " + folder_.path().string())));
  EXPECT_THAT(
      error_of([&] { Checkpoint::open(folder_.path() / "config.json"); }),
      Optional(HasSubstr("give the folder itself: ")));
  write_text(folder_.path() / "text", "hello");
  EXPECT_THAT(error_of([&] { Checkpoint::open(folder_.path() / "text"); }),
              Optional(HasSubstr("not a GGUF file")));
}

TEST_F(GgufFiles, MayHaveAnyName) {
  write_part(0, {"a"}, 0, 1, 1);
  for (const char* name : {"model.bin", "model.pt", "sha256-0123"}) {
    fs::copy_file(part(0), folder_.path() / name);
    EXPECT_EQ(value_of(*Checkpoint::open(folder_.path() / name), "a"), 1.0F);
  }
}

TEST(Checkpoint, OpensRealModels) {
  SKIP_WITHOUT_DATA("models/stories260K");
  const auto stories = Checkpoint::open(test::data_path("models/stories260K"));
  EXPECT_EQ(stories->tensors().size(), 47U);
  EXPECT_EQ(stories->config().at("hidden_size"), 64);
  const TensorView* down = stories->find("model.layers.4.mlp.down_proj.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->elements() * 4, down->bytes);
  const auto tiny = Checkpoint::open(test::data_path("models/tiny-llama-bf16"));
  EXPECT_EQ(tiny->find("lm_head.weight")->dtype, DType::kBF16);
}

}  // namespace
}  // namespace pilotfish
