#include "pilotfish/model_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_.value_or("")); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::string& value) {
    if (value.empty()) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value.c_str(), 1);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

// A cache as huggingface_hub leaves it: files are links to blobs.
class HubCacheTest : public ::testing::Test {
 protected:
  fs::path snapshot(const std::string& repository) {
    return hub() / ("models--" + repository) / "snapshots" / "0123abcd";
  }
  fs::path hub() const { return folder_.path() / "hub"; }

  void add_file(const std::string& repository, const std::string& name) {
    const fs::path blobs = hub() / ("models--" + repository) / "blobs";
    const fs::path refs = hub() / ("models--" + repository) / "refs";
    const fs::path file = snapshot(repository) / name;
    for (const fs::path& path : {blobs, refs, file.parent_path()}) {
      fs::create_directories(path);
    }
    const fs::path blob = blobs / file.filename();
    std::ofstream(blob) << "{}";
    std::ofstream(refs / "main") << "0123abcd";
    fs::create_symlink(blob, file);
  }

  static std::string refusal(const std::string& name) {
    try {
      find_model(name);
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  }

  test::TemporaryFolder folder_;
  Variable cache_{"HF_HUB_CACHE", hub().string()};
};

TEST_F(HubCacheTest, ARepositoryIsTheSnapshotOfItsMainRevision) {
  add_file("org--model-1.5", "config.json");
  EXPECT_EQ(find_model("org/model-1.5"), snapshot("org--model-1.5"));
}

TEST_F(HubCacheTest, WhatIsNotThereSaysHowToGetIt) {
  EXPECT_THAT(refusal("some-org/model"),
              AllOf(HasSubstr("some-org/model: "), HasSubstr(hub().string()),
                    HasSubstr("hf download some-org/model")));
  // A download that was broken off has no config.json yet.
  add_file("org--model", "tokenizer.json");
  EXPECT_THAT(refusal("org/model"),
              AllOf(HasSubstr("incomplete"), HasSubstr("hf download")));
}

TEST_F(HubCacheTest, PathsAreLeftAlone) {
  for (const char* name :
       {"model", "/no/such/model", "a/b/c", "../model", "./model", "org/",
        "/model", "org/model:", "org/..", "a b/c"}) {
    EXPECT_EQ(find_model(name), name);
  }
  // What is there comes before the cache, by any name.
  EXPECT_EQ(find_model(folder_.path().string()), folder_.path());
}

TEST_F(HubCacheTest, OfGgufFilesOneIsChosen) {
  add_file("org--one", "one-Q8_0.gguf");
  add_file("org--one", "mmproj-one-f16.gguf");
  EXPECT_EQ(find_model("org/one"), snapshot("org--one") / "one-Q8_0.gguf");

  add_file("org--two", "two-Q2_K.gguf");
  add_file("org--two", "two-Q4_K_M.gguf");
  add_file("org--two", "Q8_0/two-Q8_0-00002-of-00002.gguf");
  add_file("org--two", "Q8_0/two-Q8_0-00001-of-00002.gguf");
  const fs::path two = snapshot("org--two");
  EXPECT_EQ(find_model("org/two"), two / "two-Q4_K_M.gguf");
  EXPECT_EQ(find_model("org/two:q2_k"), two / "two-Q2_K.gguf");
  EXPECT_EQ(find_model("org/two:Q8_0"),
            two / "Q8_0/two-Q8_0-00001-of-00002.gguf");
  EXPECT_THAT(refusal("org/two:Q3_K"),
              AllOf(HasSubstr("two-Q2_K.gguf"), HasSubstr("Q3_K")));

  // One name may be within another, or begin it.
  add_file("org--several", "m-BF16.gguf");
  const fs::path several = snapshot("org--several");
  EXPECT_EQ(find_model("org/several:bf16"), several / "m-BF16.gguf");
  add_file("org--several", "m-IQ4_XS.gguf");
  EXPECT_THAT(refusal("org/several:F16"), HasSubstr("found none for F16"));
  add_file("org--several", "m-F16.gguf");
  add_file("org--several", "m-Q4_K_M.gguf");
  EXPECT_EQ(find_model("org/several:F16"), several / "m-F16.gguf");
  EXPECT_EQ(find_model("org/several:Q4_K"), several / "m-Q4_K_M.gguf");
  add_file("org--several", "m-q4_k.gguf");
  EXPECT_EQ(find_model("org/several:Q4_K"), several / "m-q4_k.gguf");

  add_file("org--three", "a.gguf");
  add_file("org--three", "b.gguf");
  EXPECT_THAT(refusal("org/three"), HasSubstr("a.gguf, b.gguf"));
}

TEST(HubCache, LiesWhereTheEnvironmentSays) {
  const Variable home("HOME", "/home/someone");
  const Variable xdg("XDG_CACHE_HOME", "");
  const Variable hf("HF_HOME", "");
  const Variable old("HUGGINGFACE_HUB_CACHE", "");
  const Variable hub("HF_HUB_CACHE", "");
  EXPECT_EQ(hub_cache(), "/home/someone/.cache/huggingface/hub");
  const Variable xdg_set("XDG_CACHE_HOME", "/caches");
  EXPECT_EQ(hub_cache(), "/caches/huggingface/hub");
  const Variable hf_set("HF_HOME", "/hf");
  EXPECT_EQ(hub_cache(), "/hf/hub");
  const Variable hub_set("HF_HUB_CACHE", "/hub");
  EXPECT_EQ(hub_cache(), "/hub");
}

}  // namespace
}  // namespace pilotfish
