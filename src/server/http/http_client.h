#ifndef PILOTFISH_SERVER_HTTP_HTTP_CLIENT_H_
#define PILOTFISH_SERVER_HTTP_HTTP_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pilotfish::server {

// Where a server is, of "http://host:port". Throws UsageError for other forms,
// https among them.
struct HttpAddress {
  static HttpAddress parse(std::string_view url);

  std::string url() const;  // as it was meant: "http://localhost:8080"
  std::string host;         // of an IPv6 address, without brackets
  std::string port = "80";
};

struct HttpClientOptions {
  std::string api_key = {};  // empty: none
  // For a connection, and for an answer from the request to its end.
  std::chrono::milliseconds time_limit = std::chrono::minutes(10);
  std::size_t body_bytes = std::size_t{1} << 28;  // of an answer, at most
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string retry_after;  // that header; empty: none
};

// A client with one connection, which it keeps. Each call waits for its end,
// and throws Error where the server cannot be reached or speaks no HTTP. One
// thread at a time.
class HttpClient {
 public:
  explicit HttpClient(HttpAddress address, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  HttpAnswer get(std::string_view path);
  HttpAnswer post(std::string_view path, std::string json);
  // Goes away, which closes the connection, once so many bytes of the answer
  // have come, or all of it has.
  void post_and_leave(std::string_view path, std::string json,
                      std::size_t bytes);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_HTTP_CLIENT_H_
