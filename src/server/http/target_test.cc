#include "server/http/target.h"

#include <gtest/gtest.h>

namespace pilotfish::server {
namespace {

TEST(Target, IsDecoded) {
  const auto target = parse_target("/v1/a%20b?x=1&y=a+b%26c&flag&x=2&=no");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/a b");
  EXPECT_EQ(target->query, (std::map<std::string, std::string>{
                               {"x", "2"}, {"y", "a b&c"}, {"flag", ""}}));
  EXPECT_EQ(parse_target("/a+b")->path, "/a+b");
  EXPECT_EQ(parse_target("/a#part?x=1")->path, "/a");
}

TEST(Target, MayNameTheHost) {
  EXPECT_EQ(parse_target("http://host:80/health?a=b")->path, "/health");
  EXPECT_EQ(parse_target("https://host")->path, "/");
  EXPECT_EQ(parse_target("*")->path, "*");
}

TEST(Target, IsRefusedWhereItIsBroken) {
  for (const char* text : {"", "health", "host:443", "/%", "/%2", "/%zz",
                           "/%00", "/a%0d%0ab", "/?x=%2", "ftp://host/"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

}  // namespace
}  // namespace pilotfish::server
