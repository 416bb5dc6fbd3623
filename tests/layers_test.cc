// Walks the includes of src/ and fails on an arrow that points up: a layer may
// include only those that lie below it, users' programs only public headers.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "source_dir.h"

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

// What each layer may include beside itself.
const std::map<std::string, Names> kBelow = {
    {"base", {}},
    {"tensor", {"base"}},
    {"kernels", {"base", "tensor"}},
    {"formats", {"base", "tensor"}},
    {"model", {"base", "tensor", "kernels", "formats"}},
    {"sampling", {"base", "kernels"}},
    {"text", {"base", "formats", "tensor"}},
    {"speculative",
     {"base", "tensor", "kernels", "formats", "model", "sampling"}},
    {"engine",
     {"base", "tensor", "kernels", "formats", "model", "sampling", "text",
      "speculative"}},
    {"cli", {}},
};

// Which layer a public header speaks for.
const std::map<std::string, std::string> kPublic = {
    {"error.h", "base"},           {"token.h", "base"},
    {"threads.h", "base"},         {"random.h", "base"},
    {"dtype.h", "tensor"},         {"model_config.h", "model"},
    {"kv_cache.h", "model"},       {"model.h", "model"},
    {"inspect.h", "model"},        {"shapes.h", "model"},
    {"sampling.h", "sampling"},    {"distribution.h", "sampling"},
    {"tokenizer.h", "text"},       {"chat_template.h", "text"},
    {"acceptor.h", "speculative"}, {"iteration.h", "sampling"},
    {"engine.h", "engine"},        {"convert.h", "engine"},
    {"plan.h", "engine"},          {"speedup.h", "speculative"},
    {"machine.h", "engine"},       {"selfcheck.h", "engine"},
    {"bench.h", "engine"},         {"spread.h", "engine"},
    {"synth.h", "engine"},         {"window.h", "speculative"},
};

const fs::path kRoot = pilotfish::test::source_dir();

struct Include {
  fs::path file;
  std::string from;    // layer
  std::string folder;  // of what is included: a layer, or "pilotfish"
  std::string header;
};

std::vector<Include> includes_of(const fs::path& folder,
                                 const std::string& layer) {
  static const std::regex kPattern(
      R"re(^\s*#include "([a-z_0-9]+)/([a-z_0-9/.]+)")re");
  std::vector<Include> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (std::regex_search(line, match, kPattern)) {
        found.push_back({entry.path(), layer, match[1], match[2]});
      }
    }
  }
  return found;
}

TEST(Layers, EveryFolderOfSrcIsALayer) {
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(kBelow.contains(entry.path().filename())) << entry.path();
  }
}

TEST(Layers, IncludesPointDown) {
  size_t checked = 0;
  for (const auto& [layer, below] : kBelow) {
    for (const Include& include : includes_of(kRoot / "src" / layer, layer)) {
      std::string target = include.folder;
      if (target == "pilotfish") {
        if (layer == "cli") continue;
        ASSERT_TRUE(kPublic.contains(include.header))
            << include.header << ": say in this test whose it is";
        target = kPublic.at(include.header);
      }
      ++checked;
      EXPECT_TRUE(target == layer || below.contains(target))
          << include.file << " (" << layer << ") includes " << include.folder
          << "/" << include.header << " of " << target;
    }
  }
  EXPECT_GT(checked, 50u);
}

TEST(Layers, ThePublicInterfaceIncludesNothingBehindIt) {
  for (const Include& include : includes_of(kRoot / "include", "public")) {
    EXPECT_EQ(include.folder, "pilotfish") << include.file;
  }
}

TEST(Layers, ExamplesSeeOnlyThePublicInterface) {
  for (const Include& include : includes_of(kRoot / "examples", "examples")) {
    EXPECT_EQ(include.folder, "pilotfish") << include.file;
  }
}

}  // namespace
