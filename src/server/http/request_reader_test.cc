#include "server/http/request_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/http/testing/fuzzed_request.h"
#include "test_data.h"

namespace pilotfish::server {
namespace {

using State = RequestReader::State;

constexpr const char* kPost =
    "POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nx-twice: 2\r\n"
    "Content-Length: 5\r\n\r\nhello";

State read_all(RequestReader& reader, const std::string& bytes, bool at_once) {
  return testing::read_in_parts(reader, bytes, at_once ? bytes.size() : 1);
}

TEST(RequestReader, ReadsARequestHoweverItComes) {
  for (const bool at_once : {true, false}) {
    RequestReader reader(1000, 1000);
    ASSERT_EQ(read_all(reader, kPost, at_once), State::kDone);
    const HttpRequest request = reader.take_request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/v1/x");
    EXPECT_EQ(request.query.at("a"), "b");
    EXPECT_EQ(request.headers.at("x-twice"), "1, 2");
    EXPECT_EQ(request.body, "hello");
    EXPECT_TRUE(reader.keep_alive());
    EXPECT_TRUE(reader.knows_chunks());
  }
}

TEST(RequestReader, LeavesWhatIsNotItsOwn) {
  RequestReader reader(1000, 1000);
  std::string input = std::string(kPost) + "GET / HTTP/1.1\r\n";
  ASSERT_EQ(reader.read(input), State::kHeader);
  ASSERT_EQ(reader.read(input), State::kDone);
  EXPECT_EQ(input, "GET / HTTP/1.1\r\n");
}

TEST(RequestReader, ReadsChunks) {
  for (const bool at_once : {true, false}) {
    RequestReader reader(1000, 1000);
    ASSERT_EQ(read_all(reader,
                       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                       at_once),
              State::kDone);
    EXPECT_EQ(reader.take_request().body, "abcde");
  }
}

TEST(RequestReader, RefusesWhatIsTooLong) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  const std::vector<std::pair<int, std::string>> cases = {
      {431, "GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n"},
      {431, "GET / HTTP/1.1\r\nX: " + std::string(2000, 'a')},
      {413, head + "Content-Length: 1001\r\n\r\n"},
      {413, chunked + "3e9\r\n" + std::string(1001, 'a')},
      {413, chunked + "200\r\n" + std::string(512, 'a') + "\r\n200\r\n" +
                std::string(512, 'a')},
      {400, chunked + "1;" + std::string(2000, 'a')},
  };
  for (const auto& [status, text] : cases) {
    for (const bool at_once : {true, false}) {
      RequestReader reader(1000, 1000);
      EXPECT_EQ(read_all(reader, text, at_once), State::kBad) << text;
      EXPECT_EQ(reader.refusal().status, status) << text;
    }
  }
}

// To the byte, and however its lines share out what there is room for.
TEST(RequestReader, AHeaderMayBeAsLongAsItsLimit) {
  for (const std::size_t path : {1, 500, 900}) {
    const std::string start =
        "GET /" + std::string(path, 'a') + " HTTP/1.1\r\nHost: h\r\nX: ";
    const std::string value(1000 - start.size() - 4, 'x');
    for (const bool at_once : {true, false}) {
      RequestReader reader(1000, 1000);
      EXPECT_EQ(read_all(reader, start + value + "\r\n\r\n", at_once),
                State::kDone);
      RequestReader too_long(1000, 1000);
      EXPECT_EQ(read_all(too_long, start + value + "x\r\n\r\n", at_once),
                State::kBad);
      EXPECT_EQ(too_long.refusal().status, 431);
    }
  }
}

TEST(RequestReader, RefusesWhatIsNotARequest) {
  const std::vector<std::pair<int, std::string>> cases = {
      {400, "\x16\x03\x01\x02"},        // TLS
      {400, "GET / HTTP/1.1\r\n\r\n"},  // without Host
      {400, "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n"},
      {400,
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400,
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
       "Content-Length: 6\r\n\r\n"},
      {417, "POST / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"},
      {505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
  };
  for (const auto& [status, text] : cases) {
    RequestReader reader(1000, 1000);
    EXPECT_EQ(read_all(reader, text, true), State::kBad) << text;
    EXPECT_EQ(reader.refusal().status, status)
        << text << reader.refusal().message;
    EXPECT_NE(reader.refusal().message, "") << text;
  }
}

// How bytes arrive changes nothing, whatever they are.
TEST(RequestReader, SurvivesAnyBytes) {
  std::mt19937 random(1);
  for (const auto& seed : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz/corpus/http_request")) {
    const std::string bytes = test::read_file(seed.path());
    testing::check_request(bytes);
    for (int i = 0; i < 1000; ++i) {
      std::string changed = bytes;
      for (auto changes = random() % 8; changes > 0; --changes) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      ASSERT_NO_THROW(testing::check_request(changed)) << changed;
    }
  }
}

TEST(RequestReader, KnowsOldClients) {
  RequestReader reader(1000, 1000);
  ASSERT_EQ(read_all(reader, "GET / HTTP/1.0\r\n\r\n", true), State::kDone);
  EXPECT_FALSE(reader.keep_alive());
  EXPECT_FALSE(reader.knows_chunks());
  EXPECT_FALSE(reader.has_body());
}

}  // namespace
}  // namespace pilotfish::server
