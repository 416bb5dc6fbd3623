#ifndef PILOTFISH_SERVER_EXCHANGE_H_
#define PILOTFISH_SERVER_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace pilotfish::server {

// One HTTP request, read in full.
struct HttpRequest {
  std::string method;  // "POST"
  std::string path;    // "/v1/models": decoded, without the query
  std::map<std::string, std::string> query = {};    // decoded
  std::map<std::string, std::string> headers = {};  // names in lower case
  std::string body = {};
  // Of this exchange, for logs and the x-request-id header.
  std::string id = {};
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};  // of a stream: what comes first
  std::map<std::string, std::string> headers = {};
};

// A request and the way back to whoever sent it. Everything runs on the loop's
// one thread, but for `post`. A handler keeps it (shared_ptr) until it has
// answered: with `respond`, or with `begin_stream`, any number of `write`s and
// `end`. What is written after the client has gone is dropped.
class Exchange {
 public:
  explicit Exchange(HttpRequest request) : request_(std::move(request)) {}
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const HttpRequest& request() const { return request_; }

  virtual void respond(HttpResponse response) = 0;
  virtual void begin_stream(HttpResponse head) = 0;
  // Queues bytes of a stream; never blocks.
  virtual void write(std::string bytes) = 0;
  virtual void end() = 0;

  // Bytes that are queued and not sent yet.
  virtual std::size_t unsent() const = 0;
  // `action` runs once, when the client has gone before the answer was sent, or
  // has not read for too long.
  virtual void on_gone(std::function<void()> action) = 0;

  // Runs work on the loop's thread soon. Any thread may call it.
  virtual void post(std::function<void()> work) = 0;
  // Runs work once, after so long, if the exchange is still open then.
  virtual void after(std::chrono::milliseconds delay,
                     std::function<void()> work) = 0;

 private:
  HttpRequest request_;
};

// Answers a request, at once or later. What it throws becomes a 500.
using Handler = std::function<void(const std::shared_ptr<Exchange>& exchange)>;

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_EXCHANGE_H_
