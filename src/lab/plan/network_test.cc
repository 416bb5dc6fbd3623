#include "pilotfish/lab/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "pilotfish/error.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Network, KnowsFourByName) {
  EXPECT_THAT(Network::names(),
              ::testing::ElementsAre("10gbe", "25gbe", "100gbe", "shared"));
  for (const std::string& name : Network::names()) {
    const auto network = Network::find(name);
    ASSERT_TRUE(network) << name;
    EXPECT_EQ(network->name(), name);
    EXPECT_FALSE(network->is_measured());
    EXPECT_EQ(network->max_ranks(), 64);
  }
  EXPECT_FALSE(Network::find("token ring"));
  EXPECT_FALSE(Network::find(""));
}

TEST(Network, OneRankWaitsForNobody) {
  for (const std::string& name : Network::names()) {
    EXPECT_EQ(Network::find(name)->gather_seconds(1e6, 1), 0) << name;
  }
  EXPECT_EQ(Network::free().gather_seconds(1e9, 64), 0);
}

TEST(Network, MoreBytesAndMoreRanksNeverTakeLess) {
  for (const std::string& name : Network::names()) {
    const Network network = *Network::find(name);
    for (int ranks = 2; ranks < 64; ++ranks) {
      EXPECT_LE(network.gather_seconds(1e4, ranks),
                network.gather_seconds(1e4, ranks + 1))
          << name << " " << ranks;
      EXPECT_LT(network.gather_seconds(1e4, ranks),
                network.gather_seconds(2e4, ranks));
    }
  }
}

TEST(Network, TakesTheShorterOfTwoWaysToGather) {
  const Network network = Network::fitted(
      "n", {.base_seconds = 3, .peer_seconds = 1, .bytes_per_second = 100});
  EXPECT_DOUBLE_EQ(network.gather_seconds(0, 2), 4);
  EXPECT_DOUBLE_EQ(network.gather_seconds(0, 4), 6);    // 3 + 3 against 8
  EXPECT_DOUBLE_EQ(network.gather_seconds(0, 9), 11);   // 3 + 8 against 16
  EXPECT_DOUBLE_EQ(network.gather_seconds(0, 64), 24);  // 66 against 6 * 4
  EXPECT_DOUBLE_EQ(network.gather_seconds(0, 33), 24);  // 6 rounds, too
  EXPECT_DOUBLE_EQ(network.gather_seconds(400, 4), 6 + 3);
}

TEST(Network, MeasuredTimesLieOnStraightLines) {
  const Network network = Network::measured(
      "file", {{3000, 2, 5}, {1000, 2, 1}, {1000, 6, 9}, {2000, 6, 10}});
  EXPECT_TRUE(network.is_measured());
  EXPECT_EQ(network.max_ranks(), 6);
  EXPECT_DOUBLE_EQ(network.gather_seconds(1000, 2), 1);
  EXPECT_DOUBLE_EQ(network.gather_seconds(2000, 2), 3);
  EXPECT_DOUBLE_EQ(network.gather_seconds(5000, 2), 9);  // the line goes on
  EXPECT_DOUBLE_EQ(network.gather_seconds(10, 2), 1);    // no less than that
  EXPECT_DOUBLE_EQ(network.gather_seconds(1000, 3), 3);  // between 2 and 6
  EXPECT_DOUBLE_EQ(network.gather_seconds(2000, 5), 3 + 0.75 * 7);
  EXPECT_EQ(network.gather_seconds(1000, 1), 0);
}

TEST(Network, NoiseDoesNotMakeLargeGathersFree) {
  const Network network =
      Network::measured("file", {{1000, 4, 3}, {2000, 4, 2}});
  EXPECT_DOUBLE_EQ(network.gather_seconds(1e9, 4), 2);
  EXPECT_DOUBLE_EQ(network.gather_seconds(1000, 2), 3);  // as those between 4
  EXPECT_DOUBLE_EQ(
      Network::measured("file", {{1000, 4, 3}}).gather_seconds(1e6, 4), 3);
}

TEST(Network, ReadsWhatWasMeasured) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "network.json";
  std::ofstream(path) << R"({"host": "a", "gathers": [
      {"bytes": 16384, "ranks": 2, "seconds": 5.7e-6, "best_of": 100},
      {"bytes": 65536, "ranks": 2, "seconds": 7.4e-6}]})";
  const Network network = Network::read(path);
  EXPECT_EQ(network.name(), path.string());
  EXPECT_EQ(network.max_ranks(), 2);
  EXPECT_DOUBLE_EQ(network.gather_seconds(40960, 2), 6.55e-6);
}

std::string refusal(const std::string& text) {
  try {
    Network::parse(text, "net.json");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Network, RefusesADamagedFileInOneLine) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "net.json: "},
      {"[]", "net.json: "},
      {R"({"gathers": [{"bytes": 1, "ranks": 2,)", "not valid JSON"},
      {"{}", "expected a list \"gathers\""},
      {R"({"gathers": {}})", "expected a list"},
      {R"({"gathers": []})", "holds no gathers"},
      {R"({"gathers": [3]})", "gathers[0]: expected {"},
      {R"({"gathers": [{"bytes": 1, "ranks": 2}]})",
       "gathers[0]: expected a number \"seconds\""},
      {R"({"gathers": [{"bytes": "1", "ranks": 2, "seconds": 1}]})", "bytes"},
      {R"({"gathers": [{"bytes": NaN, "ranks": 2, "seconds": 1}]})", "bytes"},
      {R"({"gathers": [{"bytes": 0, "ranks": 2, "seconds": 1}]})", "bytes"},
      {R"({"gathers": [{"bytes": 1.5, "ranks": 2, "seconds": 1}]})",
       "whole number"},
      {R"({"gathers": [{"bytes": 1e300, "ranks": 2, "seconds": 1}]})",
       "bytes: found 1e+300"},
      {R"({"gathers": [{"bytes": 1, "ranks": 1, "seconds": 1}]})", "2 to 64"},
      {R"({"gathers": [{"bytes": 1, "ranks": 65, "seconds": 1}]})", "2 to 64"},
      {R"({"gathers": [{"bytes": 1, "ranks": 2.5, "seconds": 1}]})",
       "whole number"},
      {R"({"gathers": [{"bytes": 1, "ranks": 2, "seconds": -1}]})",
       "seconds: found -1"},
      {R"({"gathers": [{"bytes": 1, "ranks": 2, "seconds": 1},
                       {"bytes": 1, "ranks": 2, "seconds": 2}]})",
       "gathers[1]: 1 bytes between 2 ranks stand there twice"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(refusal(text), HasSubstr(expected)) << text;
    EXPECT_THAT(refusal(text), HasSubstr("net.json: ")) << text;
    EXPECT_THAT(refusal(text), Not(HasSubstr("\n"))) << text;
  }
  EXPECT_THROW(Network::read("no/such/file.json"), UsageError);
}

TEST(Network, OfAnythingReadHasFiniteTimes) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz/corpus/network")) {
    ++files;
    try {
      const Network network = Network::read(entry.path());
      for (int ranks = 1; ranks <= network.max_ranks(); ++ranks) {
        for (const double bytes : {1.0, 1e4, 1e9}) {
          const double seconds = network.gather_seconds(bytes, ranks);
          EXPECT_TRUE(std::isfinite(seconds) && seconds >= 0) << entry.path();
        }
      }
    } catch (const UsageError&) {
      // A refusal is as good.
    }
  }
  EXPECT_GT(files, 3);
}

}  // namespace
}  // namespace pilotfish
