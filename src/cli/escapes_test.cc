#include "cli/escapes.h"

#include <gtest/gtest.h>

namespace pilotfish::cli {
namespace {

TEST(Escapes, StandForTheirCharacters) {
  EXPECT_EQ(without_escapes(R"(a\nb\tc\rd)"), "a\nb\tc\rd");
  EXPECT_EQ(without_escapes(R"(\'\"\\n)"), "'\"\\n");
  EXPECT_EQ(without_escapes(R"(\x41\xe2\x82\xac)"), "A\xe2\x82\xac");
}

TEST(Escapes, WhatIsNoneStays) {
  for (const char* text : {"", "plain", R"(\)", R"(end\)", R"(\q\ )", R"(\x)",
                           R"(\x4)", R"(\xg1)", R"(\x-1)", R"(\0)"}) {
    EXPECT_EQ(without_escapes(text), text);
  }
}

}  // namespace
}  // namespace pilotfish::cli
