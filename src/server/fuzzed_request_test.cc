#include "server/testing/fuzzed_request.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "source_dir.h"
#include "test_data.h"

namespace pilotfish::server {
namespace {

std::vector<std::string> request_corpus() {
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz/corpus/server_request")) {
    corpus.push_back(test::read_file(entry.path()));
  }
  return corpus;
}

TEST(FuzzedRequest, TheCorpusHolds) {
  testing::FuzzedServer server;
  const std::vector<std::string> corpus = request_corpus();
  EXPECT_GT(corpus.size(), 10u);
  for (const std::string& request : corpus) {
    EXPECT_NO_THROW(server.answer(request)) << request;
  }
}

TEST(FuzzedRequest, DamagedRequestsHold) {
  testing::FuzzedServer server;
  const std::vector<std::string> corpus = request_corpus();
  std::mt19937 random(1);
  constexpr std::string_view kPieces[] = {"null", "-1",   "1e999", "[]",   "{}",
                                          "\"\"", "true", "[[",    "\xC3", ","};
  for (int i = 0; i < 1500; ++i) {
    std::string request = corpus[random() % corpus.size()];
    const std::size_t body = request.find('\n') + 1;
    if (body >= request.size()) continue;
    const std::size_t at = body + random() % (request.size() - body);
    request.replace(at, random() % 4, kPieces[random() % std::size(kPieces)]);
    EXPECT_NO_THROW(server.answer(request)) << request;
  }
}

}  // namespace
}  // namespace pilotfish::server
