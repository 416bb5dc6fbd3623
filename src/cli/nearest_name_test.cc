#include "cli/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace pilotfish::cli {
namespace {

TEST(NearestName, FindsWhatWasMisspelt) {
  const std::vector<std::string> names = {
      "--temperature", "--top-k", "--top-p", "--json", "-m", "--model"};
  EXPECT_EQ(nearest_name("--temperture", names), "--temperature");
  EXPECT_EQ(nearest_name("--tempreature", names), "--temperature");
  EXPECT_EQ(nearest_name("--temperatures", names), "--temperature");
  EXPECT_EQ(nearest_name("-temperature", names), "--temperature");
  EXPECT_EQ(nearest_name("--top_p", names), "--top-p");
  EXPECT_EQ(nearest_name("--jsno", names), "--json");
  EXPECT_EQ(nearest_name("--modle", names), "--model");
}

TEST(NearestName, SaysNothingWhereNothingIsNear) {
  const std::vector<std::string> names = {"--temperature", "--json", "-m"};
  for (const char* word : {"--frobnicate", "-x", "", "--logs", "help"}) {
    EXPECT_EQ(nearest_name(word, names), "") << word;
  }
  EXPECT_EQ(nearest_name("--anything", {}), "");
}

}  // namespace
}  // namespace pilotfish::cli
