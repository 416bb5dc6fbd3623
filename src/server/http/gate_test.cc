#include "server/http/gate.h"

#include <gtest/gtest.h>

#include <fstream>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish::server {
namespace {

HttpRequest ask(const std::string& method, const std::string& path,
                std::map<std::string, std::string> headers = {}) {
  HttpRequest request;
  request.method = method;
  request.path = path;
  request.headers = std::move(headers);
  return request;
}

TEST(ApiKeys, AreReadFromAFile) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "keys";
  std::ofstream(file) << "# ours\nalpha\n\n  beta \r\n";
  const ApiKeys keys = ApiKeys::read(file);
  EXPECT_TRUE(keys.accept("alpha"));
  EXPECT_TRUE(keys.accept("beta"));
  for (const char* wrong : {"", "alph", "alpha ", "alphabeta", "# ours"}) {
    EXPECT_FALSE(keys.accept(wrong)) << wrong;
  }
  EXPECT_THROW(ApiKeys::read(folder.path() / "none"), Error);
  EXPECT_THROW(ApiKeys::read(folder.path()), Error);
  std::ofstream(file) << "# nothing\n";
  EXPECT_THROW(ApiKeys::read(file), Error);
}

TEST(ApiKeys, ComeInEitherHeader) {
  const ApiKeys keys({"alpha"});
  using Headers = std::map<std::string, std::string>;
  for (const Headers& right :
       {Headers{{"authorization", "Bearer alpha"}},
        Headers{{"authorization", "bearer  alpha"}},
        Headers{{"x-api-key", "alpha"}},
        Headers{{"authorization", "Bearer no"}, {"x-api-key", "alpha"}}}) {
    EXPECT_TRUE(keys.accept(right));
  }
  for (const Headers& wrong :
       {Headers{}, Headers{{"authorization", "alpha"}},
        Headers{{"authorization", "Basic alpha"}},
        Headers{{"authorization", "Bearer"}}, Headers{{"x-api-key", "beta"}},
        Headers{{"cookie", "alpha"}}}) {
    EXPECT_FALSE(keys.accept(wrong));
  }
}

TEST(Gate, IsOpenWithoutOptions) {
  const Gate gate({});
  EXPECT_FALSE(gate.admit(ask("POST", "/v1/completions")));
  HttpResponse response;
  gate.decorate(ask("GET", "/", {{"origin", "http://a"}}), response);
  EXPECT_TRUE(response.headers.empty());
}

TEST(Gate, AsksForAKey) {
  const Gate gate({.keys = ApiKeys({"alpha"})});
  const auto refused = gate.admit(ask("POST", "/v1/completions"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
  EXPECT_NE(refused->body.find("invalid_api_key"), std::string::npos);
  EXPECT_FALSE(
      gate.admit(ask("POST", "/v1/completions", {{"x-api-key", "alpha"}})));
  for (const char* open : {"/health", "/"}) {
    EXPECT_FALSE(gate.admit(ask("GET", open))) << open;
    EXPECT_TRUE(gate.admit(ask("POST", open))) << open;
  }
  for (const char* shut : {"/metrics", "/v1/models", "/health/", "//", "*"}) {
    EXPECT_TRUE(gate.admit(ask("GET", shut))) << shut;
  }
}

TEST(Gate, TakesNothingNewWhileDraining) {
  bool draining = false;
  const Gate gate({.draining = [&] { return draining; }});
  EXPECT_FALSE(gate.admit(ask("POST", "/v1/completions")));
  draining = true;
  const auto refused = gate.admit(ask("POST", "/v1/completions"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_TRUE(refused->headers.contains("Retry-After"));
  EXPECT_FALSE(gate.admit(ask("GET", "/health")));
}

TEST(Gate, LetsPagesOfNamedOriginsAsk) {
  const Gate gate({.keys = ApiKeys({"alpha"}), .cors_origins = {"http://a"}});
  const auto preflight = [&](const std::string& origin) {
    return gate.admit(ask("OPTIONS", "/v1/completions",
                          {{"origin", origin},
                           {"access-control-request-method", "POST"},
                           {"access-control-request-headers", "x-a, b"}}));
  };
  const auto allowed = preflight("http://a");
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->status, 204);
  EXPECT_EQ(allowed->headers.at("Access-Control-Allow-Headers"), "x-a, b");
  EXPECT_EQ(preflight("http://b")->status, 401);

  const auto told = [&](const std::string& origin) {
    HttpResponse response;
    gate.decorate(ask("GET", "/", {{"origin", origin}}), response);
    EXPECT_EQ(response.headers.at("Vary"), "Origin");
    return response.headers["Access-Control-Allow-Origin"];
  };
  EXPECT_EQ(told("http://a"), "http://a");
  EXPECT_EQ(told("http://b"), "");
}

TEST(Gate, LetsAllPagesAskWhereItIsTold) {
  const Gate gate({.cors_origins = {"*"}});
  HttpResponse response;
  gate.decorate(ask("GET", "/", {{"origin", "http://b"}}), response);
  EXPECT_EQ(response.headers.at("Access-Control-Allow-Origin"), "http://b");
}

}  // namespace
}  // namespace pilotfish::server
