#include "server/json_slice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pilotfish::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(JsonSlice, MembersAreAsTheyAreWritten) {
  constexpr std::string_view kText =
      R"( {"b" : {"z": 1.0, "a": "}\"]"} , "a":[1, {"x":2}],"n":-1e400 ,
          "\u0062c": null, "a" : true, "": "\\" } )";
  EXPECT_EQ(json_member(kText, "b"), R"({"z": 1.0, "a": "}\"]"})");
  EXPECT_EQ(json_member(kText, "a"), "true");
  EXPECT_EQ(json_member(kText, "n"), "-1e400");
  EXPECT_EQ(json_member(kText, "bc"), "null");
  EXPECT_EQ(json_member(kText, ""), R"("\\")");
  EXPECT_EQ(json_member(kText, "z"), "");
  EXPECT_EQ(json_member("{}", "a"), "");
}

TEST(JsonSlice, Elements) {
  EXPECT_THAT(json_elements(R"([1 , "a,]", [], {"a": [2]},[[3]] ])"),
              ElementsAre("1", R"("a,]")", "[]", R"({"a": [2]})", "[[3]]"));
  EXPECT_THAT(json_elements(" [ ] "), IsEmpty());
}

}  // namespace
}  // namespace pilotfish::server
