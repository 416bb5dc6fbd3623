#include "server/router.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/errors.h"
#include "server/testing/fake_exchange.h"

namespace pilotfish::server {
namespace {

using testing::FakeExchange;
using testing::FakeLoop;

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    const auto says = [](std::string text) {
      return [text](const std::shared_ptr<Exchange>& exchange) {
        exchange->respond({.body = text});
      };
    };
    router_.add("GET", "/v1/models", says("all"));
    router_.add("GET", "/v1/models/", says("one"));
    router_.add("POST", "/v1/models/new", says("new"));
    router_.add("GET", "/", says("page"));
    router_.add("POST", "/bad",
                [](const auto&) { throw bad_field("n", "no"); });
    router_.add("POST", "/bug",
                [](const auto&) { throw std::runtime_error("oh"); });
  }
  HttpResponse answer(const std::string& method, const std::string& path) {
    const auto exchange = std::make_shared<FakeExchange>(
        loop_, HttpRequest{.method = method, .path = path});
    router_.handle(exchange);
    EXPECT_TRUE(exchange->responded);
    return exchange->head;
  }

  FakeLoop loop_;
  Router router_;
};

TEST_F(RouterTest, FindsAPathOrTheFolderThatItLiesIn) {
  EXPECT_EQ(answer("GET", "/v1/models").body, "all");
  EXPECT_EQ(answer("HEAD", "/v1/models").body, "all");
  EXPECT_EQ(answer("GET", "/v1/models/m").body, "one");
  EXPECT_EQ(answer("GET", "/v1/models/house/m").body, "one");
  EXPECT_EQ(answer("POST", "/v1/models/new").body, "new");
  EXPECT_EQ(answer("GET", "/").body, "page");
}

TEST_F(RouterTest, RefusesInOpenAisShape) {
  for (const char* path : {"/v2", "", "v1", "/v1/", "/v1/models2", "//", "*"}) {
    EXPECT_EQ(answer("GET", path).status, 404) << path;
  }
  const HttpResponse response = answer("DELETE", "/v1/models");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at("allow"), "GET, HEAD");
  const auto error = nlohmann::json::parse(response.body)["error"];
  EXPECT_EQ(error["type"], "invalid_request_error");
  EXPECT_EQ(error["code"], "method_not_allowed");
  EXPECT_EQ(error["param"], nullptr);
  EXPECT_EQ(error["message"], "/v1/models takes GET, HEAD, not DELETE");
}

TEST_F(RouterTest, WhatAHandlerThrowsIsTheAnswer) {
  const HttpResponse bad = answer("POST", "/bad");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(nlohmann::json::parse(bad.body)["error"]["param"], "n");
  EXPECT_EQ(answer("POST", "/bug").status, 500);
}

}  // namespace
}  // namespace pilotfish::server
