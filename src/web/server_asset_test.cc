#include "web/server_asset.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "source_dir.h"

namespace pilotfish::web {
namespace {

namespace fs = std::filesystem;

const fs::path kWeb = test::source_dir() / "src/web";
constexpr std::string_view kAssets = "/assets/";

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool is_page(const ServerAsset& asset) {
  return asset.content_type.starts_with("text/html");
}

// The paths that an asset names: imports of a script, links of the page.
std::set<std::string> named_by(const ServerAsset& asset) {
  static const std::regex kImport(R"re(from "(\.[^"]+)")re");
  static const std::regex kLink(R"re((?:href|src)="([^"#]+)")re");
  const std::string content(asset.content);
  const fs::path folder = fs::path(asset.path).parent_path();
  std::set<std::string> paths;
  for (std::sregex_iterator match(content.begin(), content.end(),
                                  is_page(asset) ? kLink : kImport),
       end;
       match != end; ++match) {
    paths.insert((folder / (*match)[1].str()).lexically_normal());
  }
  return paths;
}

TEST(ServerAsset, ThePageIsAtTheRoot) {
  const ServerAsset* page = server_asset("/");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_TRUE(page->content.starts_with("<!DOCTYPE html>\n<html lang="));
}

TEST(ServerAsset, OtherPathsHaveNone) {
  for (const char* path :
       {"", "/assets", "/assets/", "/assets/serve", "/assets/page.js",
        "/assets/../page.html", "/assets/serve/index.html", "/index.html"}) {
    EXPECT_EQ(server_asset(path), nullptr) << path;
  }
}

// Byte for byte what stands in the source, whatever CMake makes of brackets,
// semicolons and backslashes.
TEST(ServerAsset, FilesAreWholeAndOfTheirType) {
  size_t count = 0;
  for (const ServerAsset& asset : server_assets()) {
    const fs::path file = is_page(asset)
                              ? kWeb / "serve/index.html"
                              : kWeb / asset.path.substr(kAssets.size());
    EXPECT_EQ(asset.content, content_of(file)) << asset.path;
    EXPECT_EQ(server_asset(asset.path), &asset);
    const std::string extension = file.extension();
    const std::string type = extension == ".js"    ? "text/javascript"
                             : extension == ".css" ? "text/css"
                             : extension == ".svg" ? "image/svg+xml"
                                                   : "text/html";
    EXPECT_EQ(asset.content_type, type + "; charset=utf-8");
    ++count;
  }
  EXPECT_GT(count, 15u);
}

TEST(ServerAsset, TagsTellContentsApart) {
  std::set<std::string_view> tags;
  for (const ServerAsset& asset : server_assets()) {
    EXPECT_TRUE(std::regex_match(std::string(asset.etag),
                                 std::regex(R"re("[0-9a-f]{16}")re")))
        << asset.etag;
    EXPECT_TRUE(tags.insert(asset.etag).second) << asset.path;
  }
}

// Whatever a file needs is served, and whatever is served is needed.
TEST(ServerAsset, TheFilesAreThoseThatThePageNeeds) {
  std::set<std::string> needed = {"/"};
  std::set<std::string> todo = needed;
  while (!todo.empty()) {
    const std::string path = *todo.begin();
    todo.erase(todo.begin());
    const ServerAsset* asset = server_asset(path);
    ASSERT_NE(asset, nullptr) << path;
    for (const std::string& named : named_by(*asset)) {
      if (needed.insert(named).second) todo.insert(named);
    }
  }
  for (const ServerAsset& asset : server_assets()) {
    EXPECT_TRUE(needed.contains(std::string(asset.path))) << asset.path;
  }
}

// The policy would stop these in a browser; nothing should be there to stop.
TEST(ServerAsset, NothingComesFromOutsideAndNothingParsesMarkup) {
  for (const ServerAsset& asset : server_assets()) {
    for (const char* banned :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
          "DOMParser", "eval(", "https://", "@import", " style=\"",
          "<script>"}) {
      EXPECT_EQ(asset.content.find(banned), asset.content.npos)
          << banned << " in " << asset.path;
    }
  }
}

TEST(ServerAsset, ThePolicyLetsThePageTalkToItsServerAlone) {
  EXPECT_TRUE(kServerPagePolicy.starts_with("default-src 'none'; "));
  EXPECT_NE(kServerPagePolicy.find("connect-src 'self';"),
            kServerPagePolicy.npos);
  for (const char* banned : {"unsafe", "*", "http:", "https:", "data:"}) {
    EXPECT_EQ(kServerPagePolicy.find(banned), kServerPagePolicy.npos) << banned;
  }
}

}  // namespace
}  // namespace pilotfish::web
