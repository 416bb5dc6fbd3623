#include "cli/http_text_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <variant>

#include "cli/numbers.h"
#include "cli/report.h"
#include "pilotfish/error.h"
#include "pilotfish/window.h"
#include "server/fingerprint.h"
#include "server/http/api_keys.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;
using server::HttpAnswer;
using server::HttpClient;

constexpr const char* kReproducible = "coupled";

// What answers is not what this program can check.
[[noreturn]] void throw_strange(const std::string& what, std::string_view why) {
  throw Error(fmt::format("{}: {}; is it a pilotfish server?", what, why));
}

// A sampling parameter as the server reads it.
template <typename T>
Json parameter_json(const T& value) {
  return value;
}
Json parameter_json(const std::map<Token, float>& biases) {
  Json json = Json::object();
  for (const auto& [token, bias] : biases) {
    // JSON has no -infinity, and false means it.
    json[std::to_string(token)] = std::isinf(bias) ? Json(false) : Json(bias);
  }
  return json;
}

Json body_of(const ServedRequest& request) {
  Json body = {{"prompt", request.prompt},
               {"max_tokens", request.max_tokens},
               {"n", request.texts},
               {"stop_token_ids", request.stop_ids},
               {"ignore_eos", request.ignore_eos},
               {"return_tokens", true}};
  for (const SamplingField& field : kSamplingFields) {
    if (field.name == "bad_words") continue;
    body[std::string(field.name)] = std::visit(
        [&](auto member) { return parameter_json(request.sampling.*member); },
        field.member);
  }
  if (request.window == 1) {
    body["speculative"] = false;
  } else {
    Json& speculative = body["speculative"] = Json::object();
    if (request.window == kAutoWindow) {
      speculative["window"] = "auto";
    } else if (request.window) {
      speculative["window"] = *request.window;
    }
    if (!request.drafter.empty()) speculative["drafter"] = request.drafter;
  }
  if (!request.acceptor.empty()) body["acceptor"] = request.acceptor;
  if (!request.prediction.empty()) {
    body["prediction"] = {{"type", "content"}, {"content", request.prediction}};
  }
  if (!request.cache_salt.empty()) body["cache_salt"] = request.cache_salt;
  return body;
}

// What a server says is wrong; or the beginning of whatever it says.
std::string message_of(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_object() &&
      json["error"].contains("message") &&
      json["error"]["message"].is_string()) {
    return json["error"]["message"];
  }
  if (json.is_object() && json.contains("status")) return json["status"].dump();
  constexpr std::size_t kMost = 200;
  std::string text = body.substr(0, kMost);
  std::ranges::replace_if(
      text, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return text;
}

}  // namespace

HttpTextServer::HttpTextServer(const std::string& url,
                               const std::string& api_key_file)
    : address_(server::HttpAddress::parse(url)) {
  if (!api_key_file.empty()) {
    options_.api_key = server::ApiKeys::keys_in(api_key_file).front();
  }
}

void HttpTextServer::meet(const server::ModelFacts& ours) {
  try {
    meet_model(ours);
    read_props();
    fingerprint_ = server::system_fingerprint(ours.fingerprint, kReproducible);
    model_fingerprint_ = ours.fingerprint;
    const Json answer = complete(
        body_of({.prompt = {0}, .sampling = {}, .acceptor = kReproducible}));
    const std::string found = answer.at("system_fingerprint");
    if (found == fingerprint_) return;
    throw Error(fmt::format(
        "{}: serves {} with other weights or numerics than the model here "
        "(files, instruction set, --dtype, --n-layers or --kv-dtype): its "
        "fingerprint is {}, not {}",
        url(), model_, found, fingerprint_));
  } catch (const Json::exception& error) {
    throw_strange(url(), error.what());
  }
}

void HttpTextServer::meet_model(const server::ModelFacts& ours) {
  const Json list = get("/v1/models");
  const Json& theirs = list.at("data").at(0);
  model_ = theirs.at("id");
  const std::int64_t parameters = theirs.at("meta").at("parameters");
  const std::int64_t vocab_size = theirs.at("meta").at("vocab_size");
  if (parameters == ours.parameters && vocab_size == ours.vocab_size) return;
  throw Error(fmt::format(
      "{}: serves another model: {} with {} parameters and {} tokens, and {} "
      "has {} and {}",
      url(), model_, parameters, vocab_size, ours.path, ours.parameters,
      ours.vocab_size));
}

void HttpTextServer::read_props() {
  const Json props = get("/props");
  const Json& params = props.at("default_generation_settings").at("params");
  acceptor_ = params.at("acceptor");
  drafters_ = params.at("drafters").get<std::vector<std::string>>();
  for (const char* name : {"bad_words", "logit_bias"}) {
    if (params.at(name).empty()) continue;
    throw Error(fmt::format(
        "{}: adds its own {} to each request, so its texts are not those of "
        "the model",
        url(), name));
  }
}

std::vector<ServedText> HttpTextServer::generate(const ServedRequest& request) {
  try {
    const Json answer = complete(body_of(request));
    check_fingerprint(answer,
                      request.acceptor.empty() ? acceptor_ : request.acceptor);
    std::vector<ServedText> texts(static_cast<std::size_t>(request.texts));
    for (const Json& choice : answer.at("choices")) {
      ServedText& text = texts.at(choice.at("index").get<std::size_t>());
      text.text = choice.at("text");
      for (const Json& token : choice.at("tokens")) {
        text.tokens.push_back(token.at("id"));
      }
      for (const Json& pass : choice.at("passes")) {
        text.drafted += pass.at("drafted").get<std::int64_t>();
        text.accepted += pass.at("accepted").get<std::int64_t>();
      }
    }
    if (std::ssize(answer.at("choices")) != request.texts) {
      throw_strange(url(), "it gives another number of texts than was asked");
    }
    return texts;
  } catch (const Json::exception& error) {
    throw_strange(url(), error.what());
  } catch (const std::out_of_range& error) {
    throw_strange(url(), error.what());
  }
}

// Two servers behind one address need not agree.
void HttpTextServer::check_fingerprint(const Json& answer,
                                       const std::string& acceptor) const {
  const std::string expected =
      server::system_fingerprint(model_fingerprint_, acceptor);
  const std::string found = answer.at("system_fingerprint");
  if (found == expected) return;
  throw Error(
      fmt::format("{}: answers have different fingerprints, {} and {}: more "
                  "than one server "
                  "answers, or it was started anew",
                  url(), expected, found));
}

void HttpTextServer::abandon(const ServedRequest& request, std::int64_t bytes) {
  Json body = body_of(request);
  body["stream"] = true;
  with_client([&](HttpClient& client) {
    client.post_and_leave("/v1/completions", dump(body),
                          static_cast<std::size_t>(bytes));
    return HttpAnswer();
  });
}

HttpTextServer::Json HttpTextServer::get(const std::string& path) {
  return ask(path, [&](HttpClient& client) { return client.get(path); });
}

HttpTextServer::Json HttpTextServer::complete(const Json& body) {
  const std::string path = "/v1/completions";
  return ask(path,
             [&](HttpClient& client) { return client.post(path, dump(body)); });
}

HttpTextServer::Json HttpTextServer::ask(const std::string& path,
                                         const Call& call) {
  constexpr int kTries = 60;
  constexpr int kTooMany = 429;
  HttpAnswer answer = with_client(call);
  for (int i = 1; i < kTries && answer.status == kTooMany; ++i) {
    const auto seconds = parse_number<int>(answer.retry_after).value_or(1);
    std::this_thread::sleep_for(
        std::chrono::seconds(std::clamp(seconds, 1, 10)));
    answer = with_client(call);
  }
  const std::string what = url() + path;
  if (answer.status != 200) {
    throw Error(fmt::format("{}: status {}: {}{}", what, answer.status,
                            message_of(answer.body),
                            answer.status == 401 ? " (--api-key-file)" : ""));
  }
  Json json = Json::parse(answer.body, nullptr, false);
  if (json.is_discarded()) throw_strange(what, "the answer is no JSON");
  return json;
}

HttpAnswer HttpTextServer::with_client(const Call& call) {
  std::unique_ptr<HttpClient> client;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      client = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!client) client = std::make_unique<HttpClient>(address_, options_);
  HttpAnswer answer = call(*client);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
  return answer;
}

}  // namespace pilotfish::cli
