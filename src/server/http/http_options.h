#ifndef PILOTFISH_SERVER_HTTP_HTTP_OPTIONS_H_
#define PILOTFISH_SERVER_HTTP_HTTP_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/exchange.h"

namespace pilotfish::server {

// What a client may take of the server. No client can hold more memory or stay
// longer than these allow.
struct HttpLimits {
  std::size_t header_bytes = std::size_t{32} << 10;  // more: 431
  std::size_t body_bytes = std::size_t{16} << 20;    // more: 413
  // Bytes of one answer that is streamed and not read; with more, the client
  // is cut off.
  std::size_t unsent_bytes = std::size_t{8} << 20;
  // With more, the one that has been idle longest makes room; where none is
  // idle, the new one is answered 503.
  std::size_t connections = 4096;
  // From a request's first byte to its last; more: 408. Of TLS, the handshake.
  std::chrono::milliseconds to_send = std::chrono::seconds(30);
  // While there is something to write and the client reads nothing; then it is
  // cut off.
  std::chrono::milliseconds to_read = std::chrono::seconds(30);
  // Between requests; then the connection is closed.
  std::chrono::milliseconds idle = std::chrono::seconds(120);
  // For the client to close its side, after the last answer of a connection.
  std::chrono::milliseconds to_close = std::chrono::seconds(3);
};

struct HttpOptions {
  // Names or addresses; a name may stand for several of them.
  std::vector<std::string> hosts = {"127.0.0.1"};
  std::uint16_t port = 8080;  // 0: the system picks one, the same for all hosts
  std::filesystem::path unix_socket = {};  // beside the hosts; empty: none
  // PEM files; both or neither. They hold for the hosts alone.
  std::filesystem::path tls_certificates = {};
  std::filesystem::path tls_key = {};
  HttpLimits limits = {};
};

enum class ExchangeEnd {
  kSent,     // the whole answer
  kGone,     // the client went away
  kTooSlow,  // the client did not read and was cut off
  kBroken,   // the answer could not be completed
};

// One request and what became of it, for logs and metrics.
struct ExchangeRecord {
  std::string id;
  std::string client;  // "127.0.0.1:4711", "unix"
  std::string method;  // empty: no header came
  std::string path;
  int status = 0;  // 0: nothing was answered
  std::size_t body_bytes = 0;
  std::size_t answer_bytes = 0;  // with the header
  double seconds = 0;            // from the request's first byte on
  ExchangeEnd end = ExchangeEnd::kSent;
};

// What a server calls, on its loop's thread. All but `handler` may be empty.
struct HttpHooks {
  Handler handler;
  // Looks at a request whose body has not been read. What it returns is the
  // answer, and ends the connection where a body would follow.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> admit = {};
  // Adds to the headers of an answer.
  std::function<void(const HttpRequest&, HttpResponse&)> decorate = {};
  std::function<void(const ExchangeRecord&)> on_end = {};
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_HTTP_OPTIONS_H_
