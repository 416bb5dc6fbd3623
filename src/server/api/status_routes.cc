// What a server is and does: /health, /v1/models, /props, /slots.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "server/api/routes.h"
#include "server/errors.h"
#include "server/json_text.h"

namespace pilotfish::server {
namespace {

void respond_json(const std::shared_ptr<Exchange>& exchange,
                  const OutJson& json, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.body = json_text(json);
  exchange->respond(std::move(response));
}

void health(const ServerContext& context,
            const std::shared_ptr<Exchange>& exchange) {
  switch (context.state) {
    case ServerState::kLoading:
      return respond_json(exchange, {{"status", "loading"}}, 503);
    case ServerState::kReady:
      return respond_json(exchange, {{"status", "ok"}});
    case ServerState::kDraining:
      return respond_json(exchange, {{"status", "draining"}}, 503);
  }
}

OutJson model_json(const ServerContext& context) {
  const ModelFacts& model = context.model;
  return {{"id", model.id},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "pilotfish"},
          {"meta",
           {{"n_positions", context.service->engine().n_positions()},
            {"n_positions_trained", model.trained_positions},
            {"vocab_size", model.vocab_size},
            {"parameters", model.parameters},
            {"weight_bytes", model.weight_bytes},
            {"draft", model.draft.empty() ? OutJson() : OutJson(model.draft)},
            {"chat", context.chat_template.has_value()}}}};
}

void list_models(const ServerContext& context,
                 const std::shared_ptr<Exchange>& exchange) {
  respond_json(exchange, {{"object", "list"},
                          {"data", OutJson::array({model_json(context)})}});
}

void show_model(const ServerContext& context,
                const std::shared_ptr<Exchange>& exchange) {
  constexpr std::string_view kFolder = "/v1/models/";
  const std::string id = exchange->request().path.substr(kFolder.size());
  if (id != context.model.id &&
      std::ranges::count(context.model.other_ids, id) == 0) {
    throw ApiError(
        404,
        fmt::format("there is no model {} here, but {}", id, context.model.id),
        "model", "model_not_found");
  }
  respond_json(exchange, model_json(context));
}

template <typename T>
OutJson value_json(const T& value) {
  return value;
}
OutJson value_json(const std::map<Token, float>& biases) {
  OutJson json = OutJson::object();
  for (const auto& [token, bias] : biases) json[std::to_string(token)] = bias;
  return json;
}

OutJson settings_json(const ServerContext& context) {
  const std::int64_t window = context.window;
  OutJson params = {
      {"n_predict", context.max_tokens},
      {"max_tokens", context.max_tokens},
      {"window", window == kAutoWindow ? OutJson("auto") : OutJson(window)},
      {"drafters", context.drafters},
      {"tree_width", context.tree_width},
      {"acceptor", context.service->engine().acceptor().name()}};
  for (const SamplingField& field : kSamplingFields) {
    if (field.name == "seed") continue;  // a new one each time
    params[std::string(field.name)] = std::visit(
        [&](auto member) { return value_json(context.sampling.*member); },
        field.member);
  }
  return {{"n_ctx", context.service->engine().n_positions()},
          {"params", std::move(params)}};
}

std::string special_text(const Tokenizer& tokenizer,
                         std::optional<Token> token) {
  return token ? std::string(tokenizer.token_text(*token)) : std::string();
}

void props(const ServerContext& context,
           const std::shared_ptr<Exchange>& exchange) {
  const Tokenizer& tokenizer = *context.tokenizer;
  respond_json(exchange,
               {{"default_generation_settings", settings_json(context)},
                {"total_slots", context.service->engine().max_sequences()},
                {"model_alias", context.model.id},
                {"model_path", context.model.path},
                {"modalities", {{"vision", false}, {"audio", false}}},
                {"chat_template", context.chat_template_source},
                {"bos_token", special_text(tokenizer, tokenizer.bos())},
                {"eos_token", special_text(tokenizer, tokenizer.eos())},
                {"acceptors", acceptor_names()},
                {"is_sleeping", false}});
}

// Requests take any place that is free, so what can be told of one is whether
// it is taken.
void slots(const ServerContext& context,
           const std::shared_ptr<Exchange>& exchange) {
  const Engine& engine = context.service->engine();
  const EngineStatus status = context.service->status().engine;
  OutJson places = OutJson::array();
  for (std::int64_t i = 0; i < engine.max_sequences(); ++i) {
    places.push_back({{"id", i},
                      {"n_ctx", engine.n_positions()},
                      {"speculative", !context.drafters.empty()},
                      {"is_processing", i < status.running}});
  }
  respond_json(exchange, places);
}

}  // namespace

void add_status_routes(Router& router, Api& api) {
  const auto add = [&](const std::string& path, auto action) {
    router.add("GET", path, [&api, action](const auto& exchange) {
      action(api.context, exchange);
    });
  };
  add("/health", health);
  add("/v1/health", health);
  add("/v1/models", list_models);
  add("/models", list_models);
  add("/v1/models/", show_model);
  add("/props", props);
  add("/slots", slots);
}

}  // namespace pilotfish::server
