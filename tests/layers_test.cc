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

// Every room of src/, and what it may include beside itself. A room inside
// another is a layer of its own.
const std::map<std::string, Names> kBelow = [] {
  std::map<std::string, Names> below;
  const auto room = [&](const std::string& name,
                        std::initializer_list<std::string> directly) {
    Names all(directly);
    for (const std::string& other : directly) {
      all.insert(below.at(other).begin(), below.at(other).end());
    }
    below[name] = std::move(all);
  };
  room("base", {});
  room("tensor", {"base"});
  room("kernels", {"tensor"});
  room("formats", {"tensor"});
  room("model", {"formats"});
  room("backends/cpu", {"model", "kernels"});
  room("backends/cluster", {"backends/cpu"});
  room("backends", {"backends/cluster"});
  room("sampling", {"kernels"});
  room("text", {"formats"});
  room("constraint", {"text"});
  room("constraint/json_schema", {"constraint"});
  room("answers", {"constraint/json_schema"});
  room("speculative", {"sampling", "backends"});
  room("speculative/acceptors", {"speculative"});
  room("speculative/drafters", {"speculative"});
  room("speculative/window", {"speculative"});
  room("speculative/loop",
       {"speculative/acceptors", "speculative/drafters", "speculative/window"});
  room("engine", {"speculative/loop", "text", "constraint/json_schema"});
  room("lab", {"engine"});
  room("web", {});
  room("server", {"web"});
  room("cli", {"web", "server"});
  // The last two see public headers beside these, and nothing behind them.
  return below;
}();

// Which layer a public header speaks for.
const std::map<std::string, std::string> kPublic = {
    {"error.h", "base"},
    {"token.h", "base"},
    {"threads.h", "base"},
    {"random.h", "base"},
    {"spread.h", "base"},
    {"signals.h", "base"},
    {"constraint.h", "constraint"},
    {"answers.h", "answers"},
    {"dtype.h", "tensor"},
    {"model_config.h", "model"},
    {"kv_cache.h", "model"},
    {"model.h", "model"},
    {"model_path.h", "model"},
    {"cluster.h", "backends/cluster"},
    {"inspect.h", "backends"},
    {"topology.h", "backends"},
    {"sampling.h", "sampling"},
    {"distribution.h", "sampling"},
    {"iteration.h", "sampling"},
    {"tokenizer.h", "text"},
    {"chat_template.h", "text"},
    {"acceptor.h", "speculative"},
    {"scorer.h", "speculative"},
    {"speedup.h", "speculative"},
    {"window.h", "speculative"},
    {"iteration_summary.h", "engine"},
    {"drafters.h", "engine"},
    {"pair.h", "engine"},
    {"recommended_sampling.h", "engine"},
    {"engine.h", "engine"},
    {"service.h", "engine"},
};

const fs::path kRoot = pilotfish::test::source_dir();

// The room that a path below src/ lies in: its longest folder that is one.
// Empty: none.
std::string room_of(fs::path path) {
  for (; !path.empty(); path = path.parent_path()) {
    if (kBelow.contains(path.string())) return path;
  }
  return {};
}

// Tests, and what they share, may use the whole of their folder.
bool is_test(const fs::path& file) {
  return file.string().ends_with("_test.cc") ||
         file.parent_path().filename() == "testing";
}

// What tests make models of.
bool is_toy(const fs::path& header) {
  return header.parent_path().filename() == "testing";
}

struct Include {
  fs::path file;
  std::string header;  // as it is written: "model/config.h"
};

std::vector<Include> includes_of(const fs::path& folder) {
  static const std::regex kPattern(
      R"re(^\s*#include "([a-z_0-9]+/[a-z_0-9/.]+)")re");
  std::vector<Include> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (std::regex_search(line, match, kPattern)) {
        found.push_back({entry.path(), match[1]});
      }
    }
  }
  return found;
}

// The part of an included header behind "pilotfish/"; empty: not public.
std::string public_header(const std::string& header) {
  constexpr std::string_view kFolder = "pilotfish/";
  return header.starts_with(kFolder) ? header.substr(kFolder.size())
                                     : std::string();
}

// The room whose header this is; empty: unknown.
std::string owner_of(const std::string& header) {
  const std::string name = public_header(header);
  if (name.empty()) return room_of(fs::path(header).parent_path());
  if (name.starts_with("lab/")) return "lab";
  const auto found = kPublic.find(name);
  return found == kPublic.end() ? std::string() : found->second;
}

// What is wrong with an include; empty: nothing.
std::string fault_of(const Include& include) {
  const fs::path file = fs::relative(include.file, kRoot / "src");
  const std::string from = room_of(file.parent_path());
  const std::string owner = owner_of(include.header);
  if (from.empty()) return "lies in no room";
  if (owner.empty()) return "belongs to no room: say in this test whose it is";
  if (owner == from || kBelow.at(from).contains(owner)) return "";
  if (from == "cli" || from == "server") {
    const bool toy = is_test(file) && is_toy(include.header);
    return public_header(include.header).empty() && !toy
               ? "is behind the public headers"
               : "";
  }
  const std::string folder = file.begin()->string();
  if (is_test(file) && owner.starts_with(folder)) return "";
  return "of " + owner + " lies above " + from;
}

TEST(Layers, EveryFolderOfSrcIsARoom) {
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    if (!entry.is_directory()) continue;
    EXPECT_TRUE(kBelow.contains(entry.path().filename())) << entry.path();
  }
}

TEST(Layers, IncludesPointDown) {
  const auto includes = includes_of(kRoot / "src");
  EXPECT_GT(includes.size(), 500u);
  for (const Include& include : includes) {
    EXPECT_EQ(fault_of(include), "")
        << include.file << " includes " << include.header;
  }
}

// An arrow that points up, planted in each room, is found.
TEST(Layers, APlantedArrowIsFoundInEachRoom) {
  for (const auto& [room, below] : kBelow) {
    const fs::path file = kRoot / "src" / room / "planted.cc";
    size_t planted = 0;
    for (const auto& [other, unused] : kBelow) {
      if (other == room || below.contains(other)) continue;
      EXPECT_NE(fault_of({file, other + "/header.h"}), "")
          << room << " may include " << other;
      ++planted;
    }
    EXPECT_GT(planted, 0u) << room;
  }
  EXPECT_NE(fault_of({kRoot / "src/model/planted.cc", "pilotfish/engine.h"}),
            "");
  EXPECT_NE(fault_of({kRoot / "src/engine/planted.cc", "pilotfish/lab/plan.h"}),
            "");
  EXPECT_EQ(fault_of({kRoot / "src/cli/command.cc", "pilotfish/lab/plan.h"}),
            "");
}

TEST(Layers, ThePublicInterfaceIncludesNothingBehindIt) {
  for (const Include& include : includes_of(kRoot / "include")) {
    EXPECT_NE(public_header(include.header), "") << include.file;
  }
}

// What one needs to generate does not need the laboratory.
TEST(Layers, OnlyTheLaboratorysHeadersIncludeIts) {
  for (const Include& include : includes_of(kRoot / "include")) {
    if (include.file.parent_path().filename() == "lab") continue;
    EXPECT_FALSE(include.header.starts_with("pilotfish/lab/"))
        << include.file << " includes " << include.header;
  }
}

TEST(Layers, ExamplesSeeOnlyThePublicInterface) {
  for (const Include& include : includes_of(kRoot / "examples")) {
    EXPECT_NE(public_header(include.header), "") << include.file;
  }
}

}  // namespace
