#include "server/server.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "server/http/api_keys.h"
#include "server/http/gate.h"
#include "server/http/metrics.h"
#include "server/http/request_log.h"
#include "server/http/response_text.h"
#include "server/http/server.h"

namespace pilotfish::server {
namespace {

// A connection takes a file; the usual limit of 1,024 is a shell's, not the
// system's.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// One server from its start to its end.
class Serving {
 public:
  Serving(const ServerOptions& options, ServerContext& context, Handler api);
  ~Serving() { context_.on_finished = nullptr; }

  int run(
      const std::function<LoadedModels()>& load,
      const std::function<void(const std::vector<std::string>&)>& on_listening);

 private:
  static Gate make_gate(const ServerOptions& options,
                        const ServerContext& context);
  HttpHooks hooks();
  void answer(const std::shared_ptr<Exchange>& exchange);
  void load_models(const std::function<LoadedModels()>& load);
  void on_signal(int signal);

  ServerContext& context_;
  const Handler api_;
  RequestLog log_;
  const Gate gate_;
  Metrics metrics_;
  HttpServer http_;
  std::exception_ptr failure_;  // of loading
  bool loaded_ = false;
  bool drains_ = false;
  int second_signal_ = 0;
};

Serving::Serving(const ServerOptions& options, ServerContext& context,
                 Handler api)
    : context_(context),
      api_(std::move(api)),
      log_(log_format_of(options.log_format)),
      gate_(make_gate(options, context)),
      http_(options.http, hooks()) {
  context_.on_finished =
      [this, next = context_.on_finished](const FinishedRequest& request) {
        metrics_.note(request);
        log_.note(request);
        if (next) next(request);
      };
}

Gate Serving::make_gate(const ServerOptions& options,
                        const ServerContext& context) {
  GateOptions gate;
  if (!options.api_key_file.empty()) {
    gate.keys = ApiKeys::read(options.api_key_file);
  }
  gate.cors_origins = options.cors_origins;
  gate.draining = [&context] {
    return context.state == ServerState::kDraining;
  };
  return Gate(std::move(gate));
}

HttpHooks Serving::hooks() {
  HttpHooks hooks;
  hooks.handler = [this](const auto& exchange) { answer(exchange); };
  hooks.admit = [this](const HttpRequest& request) {
    return gate_.admit(request);
  };
  hooks.decorate = [this](const HttpRequest& request, HttpResponse& response) {
    gate_.decorate(request, response);
  };
  hooks.on_end = [this](const ExchangeRecord& record) {
    metrics_.note(record);
    log_.note(record);
  };
  return hooks;
}

void Serving::answer(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& request = exchange->request();
  if (request.path != "/metrics") return api_(exchange);
  if (request.method != "GET") {
    HttpResponse response = http_error(405, "/metrics is for GET");
    response.headers["Allow"] = "GET, HEAD";
    return exchange->respond(std::move(response));
  }
  metrics_.note_connections(http_.connections());
  if (loaded_ && context_.service) {
    metrics_.note(context_.service->status());
  }
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.text();
  exchange->respond(std::move(response));
}

void Serving::load_models(const std::function<LoadedModels()>& load) {
  try {
    LoadedModels models = load();
    http_.post([this, models = std::move(models)] {
      loaded_ = true;
      metrics_.begin(models.name, models.kv_tokens, context_.drafters);
      if (context_.state == ServerState::kLoading) {
        context_.state = ServerState::kReady;
        log_.note("ready");
      }
    });
  } catch (...) {
    http_.post([this, failure = std::current_exception()] {
      failure_ = failure;
      http_.stop();
    });
  }
}

void Serving::on_signal(int signal) {
  if (drains_) {
    if (!loaded_) {  // which nothing else can break off
      std::signal(signal, SIG_DFL);
      std::raise(signal);
    }
    second_signal_ = signal;
    log_.note("stopping at once");
    http_.stop();
    return;
  }
  drains_ = true;
  log_.note("shutting down once what runs has come to its end");
  context_.state = ServerState::kDraining;
  http_.drain();
}

int Serving::run(
    const std::function<LoadedModels()>& load,
    const std::function<void(const std::vector<std::string>&)>& on_listening) {
  http_.on_signal({SIGTERM, SIGINT}, [this](int signal) { on_signal(signal); });
  on_listening(http_.addresses());
  std::thread loader([&] { load_models(load); });
  http_.run();
  loader.join();
  if (failure_) std::rethrow_exception(failure_);
  if (context_.service) {
    // All that is left is without a client.
    context_.service->cancel_all();
    context_.service->drain();
  }
  return second_signal_;
}

}  // namespace

int serve(
    const ServerOptions& options, ServerContext& context, Handler api,
    const std::function<LoadedModels()>& load,
    const std::function<void(const std::vector<std::string>&)>& on_listening) {
  allow_many_files();
  Serving serving(options, context, std::move(api));
  return serving.run(load, on_listening);
}

}  // namespace pilotfish::server
