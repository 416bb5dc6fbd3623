#ifndef PILOTFISH_SERVER_TESTING_FUZZED_REQUEST_H_
#define PILOTFISH_SERVER_TESTING_FUZZED_REQUEST_H_

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "engine/testing/toy_tokenizer.h"
#include "server/api.h"
#include "server/testing/fake_exchange.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish::server::testing {

// A server of toys that is asked anything, and what must be true of every
// answer. The fuzzer and the replay of its corpus use it.
class FuzzedServer {
 public:
  FuzzedServer() {
    constexpr std::int64_t kWords = 24;
    auto tokenizer = std::make_shared<pilotfish::testing::ToyTokenizer>(kWords);
    const test::LogitTable table(kWords, 11, 1);
    EngineParts parts;
    parts.target = std::make_shared<test::TableScorer>(table, 40, 64);
    parts.draft = std::make_shared<test::TableScorer>(
        test::LogitTable::like(table, 2, 0.7f), 40, 64);
    parts.tokenizer = tokenizer;
    parts.end_tokens = {2};
    context_.drafters = {"prediction", "model"};
    context_.service = std::make_unique<Service>(std::make_unique<Engine>(
        std::move(parts),
        EngineOptions{.max_sequences = 4, .drafters = context_.drafters}));
    context_.tokenizer = tokenizer;
    context_.model = {.id = "toy", .vocab_size = kWords};
    context_.max_choices = 4;
    context_.chat_template.emplace(
        "{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}", "",
        "");
    context_.state = ServerState::kReady;
    api_ = make_api(context_);
  }
  ~FuzzedServer() {
    api_ = nullptr;
    context_.service.reset();
  }

  // "METHOD PATH", a line feed, and a body. Throws std::logic_error where
  // something is not as it must be.
  void answer(std::string_view input) {
    const std::size_t line = std::min(input.find('\n'), input.size());
    const std::string_view head = input.substr(0, line);
    const std::size_t space = std::min(head.find(' '), head.size());
    HttpRequest request;
    request.method = head.substr(0, space);
    request.path = head.substr(std::min(space + 1, head.size()));
    request.body = input.substr(std::min(line + 1, input.size()));
    auto exchange = std::make_shared<FakeExchange>(loop_, std::move(request));
    api_(exchange);
    loop_.run_until([&] { return exchange->done(); });
    check(*exchange);
  }

 private:
  static void require(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error(what);
  }

  static void check(const FakeExchange& exchange) {
    const HttpResponse& head = exchange.head;
    if (exchange.began) {
      require(head.status == 200, "a stream begins with an error");
      require(exchange.written.ends_with("\n\n"), "a stream ends in an event");
      return;
    }
    const nlohmann::json json =
        nlohmann::json::parse(head.body, nullptr, false);
    require(!json.is_discarded(), "the answer is no JSON: " + head.body);
    if (head.status == 200) return;
    require(json.is_object() && json.contains("error"),
            "an error has another shape: " + head.body);
    const std::string message = json["error"]["message"];
    require(!message.empty() && message.find('\n') == std::string::npos,
            "an error is not a line: " + head.body);
    require(head.status != 500, "a fault of the server: " + message);
  }

  FakeLoop loop_;
  ServerContext context_;
  Handler api_;
};

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_FUZZED_REQUEST_H_
