#ifndef PILOTFISH_SERVER_HTTP_SERVER_H_
#define PILOTFISH_SERVER_HTTP_SERVER_H_

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "server/http/http_options.h"

namespace pilotfish::server {

// An HTTP/1.1 server on one thread: the one that calls `run`. Its hooks and
// exchanges run there. What a handler has to know of HTTP is little: HEAD comes
// to it as GET, bodies come whole, and a connection's next request waits for
// the answer to the one before.
class HttpServer {
 public:
  // Listens from here on; clients wait until `run`. Throws UsageError for
  // addresses that cannot be listened on and certificates that cannot be used.
  HttpServer(HttpOptions options, HttpHooks hooks);
  // Requires: `run` is not being called. Exchanges may outlive it.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Where it listens: "http://127.0.0.1:8080", "unix:/run/pilotfish.sock".
  const std::vector<std::string>& addresses() const;
  // Of the first host; 0: there is none.
  std::uint16_t port() const;

  // Serves until it is stopped, or drained.
  void run();

  // The rest may be called from any thread.

  // Takes no more connections or requests; what is being answered is answered.
  void drain();
  // Cuts everything off.
  void stop();
  // Runs work on the loop's thread soon.
  void post(std::function<void()> work);
  // Connections that are open.
  std::size_t connections() const;

  // Calls `action` on the loop's thread for each of these signals that comes
  // until the server's end. Called once, before `run`.
  void on_signal(std::initializer_list<int> signals,
                 std::function<void(int)> action);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_SERVER_H_
