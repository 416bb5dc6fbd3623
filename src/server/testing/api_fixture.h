#ifndef PILOTFISH_SERVER_TESTING_API_FIXTURE_H_
#define PILOTFISH_SERVER_TESTING_API_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/testing/toy_tokenizer.h"
#include "pilotfish/drafters.h"
#include "pilotfish/model.h"
#include "pilotfish/threads.h"
#include "server/api.h"
#include "server/testing/fake_exchange.h"
#include "source_dir.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish::server::testing {

using Json = nlohmann::json;

// An event of a stream.
struct Event {
  std::string name;
  Json data;            // null for what is no JSON
  std::string text;     // as it was sent
  std::string comment;  // of a comment line, without its ":"
};

inline std::vector<Event> events_of(const std::string& stream) {
  std::vector<Event> events;
  std::size_t at = 0;
  while (at < stream.size()) {
    const std::size_t end = stream.find("\n\n", at);
    EXPECT_NE(end, std::string::npos) << "the stream ends inside an event";
    Event event;
    std::istringstream lines(stream.substr(at, end - at));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(":")) event.comment = line.substr(1);
      if (line.starts_with("event: ")) event.name = line.substr(7);
      if (line.starts_with("data: ")) event.text = line.substr(6);
    }
    event.data = Json::parse(event.text, nullptr, false);
    if (event.data.is_discarded()) event.data = nullptr;
    events.push_back(std::move(event));
    at = end + 2;
  }
  return events;
}

// Those with JSON.
inline std::vector<Json> chunks_of(const std::string& stream) {
  std::vector<Json> chunks;
  for (Event& event : events_of(stream)) {
    if (event.data.is_object()) chunks.push_back(std::move(event.data));
  }
  return chunks;
}

// The API on an engine, called without a network.
class ApiFixture : public ::testing::Test {
 protected:
  ~ApiFixture() override {
    api_ = nullptr;
    context_.service.reset();
  }

  // Tables as target and draft, and texts of random letters.
  void serve_tables(std::int64_t sequences = 4, ServiceOptions options = {}) {
    constexpr std::int64_t kWords = 24;
    const test::LogitTable table(kWords, 11, 1);
    auto tokenizer = std::make_shared<pilotfish::testing::ToyTokenizer>(kWords);
    EngineParts parts;
    parts.target = std::make_shared<test::TableScorer>(table, 128, 64);
    parts.draft = std::make_shared<test::TableScorer>(
        test::LogitTable::like(table, 2, 0.7f), 128, 64);
    parts.tokenizer = tokenizer;
    parts.end_tokens = {2};
    context_.model.vocab_size = kWords;
    serve(std::move(parts), tokenizer, {"model"}, sequences, options);
  }

  // The pair that comes with pilotfish.
  void serve_stories(const std::vector<std::string>& drafters = {"model"}) {
    const auto folder = test::source_dir() / "models";
    static const auto target = load_on_one_thread(folder / "pilotfish-stories");
    static const auto draft =
        load_on_one_thread(folder / "pilotfish-stories-draft");
    const auto tokenizer = Tokenizer::load(folder / "pilotfish-stories");
    context_.model.vocab_size = target->config().vocab_size;
    context_.drafters = drafters;
    const EngineOptions options = {
        .n_positions = 512, .max_sequences = 4, .drafters = context_.drafters};
    make(std::make_unique<Engine>(target, draft, tokenizer, options), tokenizer,
         {});
  }

  // Threads that share a processor with other tests wait for each other.
  static std::shared_ptr<Model> load_on_one_thread(
      const std::filesystem::path& path) {
    static const auto threads = make_threads(1);
    LoadOptions options;
    options.threads = threads;
    return Model::load(path, options);
  }

  void serve(EngineParts parts, std::shared_ptr<const Tokenizer> tokenizer,
             std::vector<std::string> drafters, std::int64_t sequences = 4,
             ServiceOptions options = {}) {
    context_.drafters = drafters;
    make(std::make_unique<Engine>(
             std::move(parts),
             EngineOptions{.max_sequences = sequences, .drafters = drafters}),
         std::move(tokenizer), options);
  }

  void use_template(const std::string& source) {
    context_.chat_template.emplace(source, "<s>", "</s>");
    context_.chat_template_source = source;
  }

  std::shared_ptr<FakeExchange> open(const std::string& method,
                                     const std::string& path,
                                     std::string body = {}) {
    HttpRequest request{.method = method, .path = path};
    request.body = std::move(body);
    request.id = "r" + std::to_string(++requests_);
    auto exchange = std::make_shared<FakeExchange>(loop_, std::move(request));
    api_(exchange);
    return exchange;
  }
  void finish(FakeExchange& exchange) {
    loop_.run_until([&] { return exchange.done(); });
  }
  std::shared_ptr<FakeExchange> ask(const std::string& method,
                                    const std::string& path,
                                    std::string body = {}) {
    auto exchange = open(method, path, std::move(body));
    finish(*exchange);
    return exchange;
  }

  Json get(const std::string& path) {
    return Json::parse(ask("GET", path)->head.body);
  }
  // The answer, which must be one.
  Json post(const std::string& path, const Json& body) {
    const auto exchange = ask("POST", path, body.dump());
    EXPECT_EQ(exchange->head.status, 200) << exchange->head.body;
    return Json::parse(exchange->head.body);
  }
  std::vector<Json> stream(const std::string& path, Json body) {
    body["stream"] = true;
    const auto exchange = ask("POST", path, body.dump());
    EXPECT_TRUE(exchange->began) << exchange->head.body;
    return chunks_of(exchange->written);
  }
  // {status, param, code, message} of a refusal.
  struct Refusal {
    int status;
    std::string param, code, message;
  };
  Refusal refusal(const std::string& path, const std::string& body) {
    const auto exchange = ask("POST", path, body);
    const Json json = Json::parse(exchange->head.body);
    EXPECT_TRUE(json.contains("error")) << json;
    if (!json.contains("error")) return {exchange->head.status, {}, {}, {}};
    const auto text = [&](const char* name) {
      const Json& value = json["error"][name];
      return value.is_string() ? value.get<std::string>() : std::string();
    };
    return {exchange->head.status, text("param"), text("code"),
            text("message")};
  }

  FakeLoop loop_;
  ServerContext context_;
  Handler api_;

 private:
  void make(std::unique_ptr<Engine> engine,
            std::shared_ptr<const Tokenizer> tokenizer,
            const ServiceOptions& options) {
    context_.service = std::make_unique<Service>(std::move(engine), options);
    context_.tokenizer = std::move(tokenizer);
    context_.model.id = "toy";
    context_.state = ServerState::kReady;
    api_ = make_api(context_);
  }

  int requests_ = 0;
};

// A plain way of writing conversations.
inline constexpr const char* kChatTemplate =
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_API_FIXTURE_H_
