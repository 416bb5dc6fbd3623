#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/model_facts.h"
#include "cli/model_sampling.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "pilotfish/cluster.h"
#include "pilotfish/error.h"
#include "pilotfish/service.h"
#include "server/api.h"
#include "server/server.h"

namespace pilotfish::cli {
namespace {

constexpr std::int64_t kMost = 1 << 20;

struct ServeOptions {
  DecodingOptions decoding;
  server::ServerOptions server;
  std::vector<std::string> hosts;  // empty: 127.0.0.1
  std::string unix_socket;
  std::int64_t port = 8080;
  std::string tls_certificates;
  std::string tls_key;
  std::string api_key_file;
  std::string alias;
  std::string template_file;
  std::int64_t parallel = 8;
  std::int64_t kv_memory = 0;  // 0: chosen
  bool no_prefix_cache = false;
  std::int64_t max_waiting = ServiceOptions().max_waiting;
  double max_generation_seconds = 0;  // 0: no limit
};

// Bytes for keys and values: as many as all sequences can need, but not more
// than a quarter of the machine's memory.
std::int64_t kv_memory_for(const ServeOptions& options, const Session& session,
                           std::int64_t n_positions) {
  if (options.kv_memory > 0) return options.kv_memory;
  const std::int64_t most =
      kv_bytes_per_token(session) * n_positions * options.parallel;
  const std::int64_t quarter =
      static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) *
      sysconf(_SC_PAGESIZE) / 4;
  return most <= quarter ? 0 : quarter;
}

// Opens the models and fills in what the routes work with.
server::LoadedModels load_service(const ServeOptions& options,
                                  const Command& command,
                                  server::ServerContext& context) {
  Session session = open_session(options.decoding);
  session.text("serve");  // or it throws: clients send and read texts
  use_model_sampling(command, session);
  const std::int64_t given = options.decoding.compute.n_positions;
  const std::int64_t n_positions =
      given > 0 ? given : session.target->config().n_positions;
  EngineOptions engine = engine_options(session, n_positions, options.parallel);
  engine.window = session.request.window.value_or(engine.window);
  engine.reuse_prefixes = !options.no_prefix_cache;
  engine.kv_memory = kv_memory_for(options, session, n_positions);

  context.tokenizer = session.tokenizer;
  context.model = model_facts(session, options.decoding, options.alias);
  if (!options.template_file.empty()) {
    context.chat_template_source = read_template(options.template_file);
  } else if (session.tokenizer) {
    context.chat_template_source = session.tokenizer->chat_template();
  }
  if (!context.chat_template_source.empty()) {
    context.chat_template = load_template(session, options.template_file);
  }
  context.sampling = session.request.sampling;
  context.max_tokens = session.request.max_tokens;
  context.drafters = engine.drafters;
  context.window = engine.window;
  context.tree_width = engine.tree_width;
  if (options.max_generation_seconds > 0) {
    context.time_limit = std::chrono::milliseconds(
        static_cast<std::int64_t>(options.max_generation_seconds * 1000));
  }
  context.service = std::make_unique<Service>(
      std::make_unique<Engine>(session.target, session.draft, session.tokenizer,
                               engine),
      ServiceOptions{.max_waiting = options.max_waiting});
  return {context.model.id, engine.kv_memory > 0
                                ? engine.kv_memory / kv_bytes_per_token(session)
                                : n_positions * options.parallel};
}

// The address as a program on this machine reaches it.
std::string reachable(std::string address) {
  for (const auto& [all, own] : {std::pair("//0.0.0.0:", "//127.0.0.1:"),
                                 std::pair("//[::]:", "//[::1]:")}) {
    const std::size_t found = address.find(all);
    if (found != std::string::npos) {
      address.replace(found, std::string(all).size(), own);
    }
  }
  return address;
}

// What to open, and a line to copy.
void print_addresses(const ServeOptions& options,
                     const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) {
    text += fmt::format("listening on {}\n", address);
  }
  std::string curl = "curl ";
  std::string base = reachable(addresses.front());
  if (base.starts_with("unix:")) {
    curl += fmt::format("--unix-socket {} ", base.substr(5));
    base = "http://localhost";
  } else {
    text += fmt::format("open {}/ in a browser, or try:\n", base);
  }
  if (base.starts_with("https:")) curl += "-k ";
  curl += base + "/v1/completions";
  if (!options.api_key_file.empty()) {
    curl += " -H \"Authorization: Bearer $KEY\"";
  }
  text += curl +
          " -H 'Content-Type: application/json' -d '{\"prompt\": \"Once upon a "
          "time\", \"max_tokens\": 64}'\n";
  write_out(text);
}

void run_serve(const ServeOptions& options, const Command& command) {
  server::ServerOptions server = options.server;
  if (!options.hosts.empty()) {
    server.http.hosts = options.hosts;
  } else if (!options.unix_socket.empty()) {
    server.http.hosts.clear();
  }
  server.http.port = static_cast<std::uint16_t>(options.port);
  server.http.unix_socket = options.unix_socket;
  server.http.tls_certificates = options.tls_certificates;
  server.http.tls_key = options.tls_key;
  server.api_key_file = options.api_key_file;

  // Nothing that comes later can be answered. What runs fails, is told so, and
  // may go on after a restart.
  on_rank_lost([] { std::raise(SIGTERM); });
  server::ServerContext context;
  const server::Handler api = server::make_api(context);
  const int signal = server::serve(
      server, context, api,
      [&] { return load_service(options, command, context); },
      [&](const auto& addresses) { print_addresses(options, addresses); });
  if (signal != 0) std::raise(signal);
}

// Seconds, as a user says them.
void add_seconds(const FlagGroup& group, const std::string& name,
                 std::chrono::milliseconds& target, const std::string& help) {
  group
      .add_parsed<std::int64_t>(
          name,
          [&target](std::int64_t seconds) {
            target = std::chrono::seconds(seconds);
          },
          "SECONDS",
          fmt::format("{} (default {})", help, target.count() / 1000))
      .in_range(1, kMost);
}

void add_bytes(const FlagGroup& group, const std::string& name,
               std::size_t& target, const std::string& help) {
  group.add_parsed<std::string>(
      name,
      [&target, name](const std::string& text) {
        target = static_cast<std::size_t>(parse_bytes(name, text));
      },
      "BYTES", help);
}

void add_address_flags(const Command& command, ServeOptions& options) {
  const FlagGroup group = command.group("Address and access");
  group
      .add("--host", options.hosts, "HOST",
           "Name or address to listen on (default 127.0.0.1; 0.0.0.0 is all "
           "of IPv4, :: all of IPv6)")
      .repeatable();
  group
      .add("--port", options.port, "N",
           "Port of all hosts (default 8080); 0: the system picks one, which "
           "is printed")
      .in_range(0, 65535);
  group.add("--unix-socket", options.unix_socket, "FILE",
            "Listen on this Unix socket, and on hosts only where --host names "
            "them");
  Flag certificate =
      group.add("--tls-cert", options.tls_certificates, "FILE",
                "Speak TLS, with this certificate and its chain, in PEM");
  Flag key = group.add("--tls-key", options.tls_key, "FILE",
                       "The certificate's private key, in PEM");
  certificate.needs({key});
  key.needs({certificate});
  group.add("--api-key-file", options.api_key_file, "FILE",
            "Answer only those who know one of the keys in this file, one a "
            "line");
  group
      .add("--cors-origin", options.server.cors_origins, "ORIGIN",
           "Let pages of this origin, such as https://example.org, use the "
           "server from a browser; \"*\": all pages")
      .repeatable();
  group.add("-a,--alias", options.alias, "NAME",
            "The model's name in answers (default: that of its folder or "
            "file)");
  group.add("--template", options.template_file, "FILE",
            "A Jinja chat template instead of the model's own");
  group
      .add("--log-format", options.server.log_format, "FORMAT",
           "Lines of the log, on standard error: text (the default), json or "
           "none")
      .offers({"text", "json", "none"});
}

void add_load_flags(const Command& command, ServeOptions& options) {
  const FlagGroup group = command.group("Load");
  group
      .add("--parallel", options.parallel, "N",
           fmt::format("Texts decoded together (default {})", options.parallel))
      .in_range(1, 4096);
  group.add_parsed<std::string>(
      "--kv-memory",
      [&options](const std::string& text) {
        options.kv_memory = parse_bytes("--kv-memory", text);
      },
      "BYTES",
      "Memory for keys and values, as in 8G (default: what all texts can need, "
      "but at most a quarter of the machine's)");
  group.add_switch("--no-prefix-cache", options.no_prefix_cache,
                   "Encode each prompt anew, whatever the cache still has");
  group
      .add("--max-waiting", options.max_waiting, "N",
           fmt::format("Texts that wait for a place; more are answered 429 "
                       "(default {})",
                       options.max_waiting))
      .in_range(0, kMost);
  group.add("--max-generation-seconds", options.max_generation_seconds,
            "SECONDS",
            "A text ends there with what there is, waiting included (default: "
            "no limit)");
}

void add_limit_flags(const Command& command, ServeOptions& options) {
  const FlagGroup group = command.group("Limits of clients");
  server::HttpLimits& limits = options.server.http.limits;
  group
      .add_parsed<std::int64_t>(
          "--max-connections",
          [&limits](std::int64_t count) {
            limits.connections = static_cast<std::size_t>(count);
          },
          "N",
          fmt::format("Connections at the same time (default {})",
                      limits.connections))
      .in_range(1, kMost);
  add_bytes(group, "--max-header-bytes", limits.header_bytes,
            "Of a request's header; more is answered 431 (default 32K)");
  add_bytes(group, "--max-body-bytes", limits.body_bytes,
            "Of a request's body; more is answered 413 (default 16M)");
  add_seconds(group, "--max-send-seconds", limits.to_send,
              "For a client to send its request; then it is answered 408");
  add_seconds(group, "--max-read-seconds", limits.to_read,
              "For a client to read something of its answer; then it is cut "
              "off");
  add_seconds(group, "--max-idle-seconds", limits.idle,
              "Between a connection's requests; then it is closed");
}

}  // namespace

void add_serve(CommandLine& line) {
  Command command = line.add_command(
      "serve",
      "Answer HTTP requests as OpenAI's and llama.cpp's servers do; ends with "
      "SIGTERM once what runs has come to its end");
  const auto options = std::make_shared<ServeOptions>();
  add_address_flags(command, *options);
  add_load_flags(command, *options);
  add_limit_flags(command, *options);
  options->decoding.serves = true;
  options->decoding.sampling.has_seed = false;
  options->decoding.max_tokens = -1;
  add_decoding_options(command, options->decoding);
  command.flag("--temperature").implied();  // the model may recommend one
  command.on_run([options, command] { run_serve(*options, command); });
}

}  // namespace pilotfish::cli
