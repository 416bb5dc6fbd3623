#ifndef PILOTFISH_SERVER_HTTP_LIVE_EXCHANGE_H_
#define PILOTFISH_SERVER_HTTP_LIVE_EXCHANGE_H_

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/exchange.h"
#include "server/http/connection.h"
#include "server/http/loop.h"

namespace pilotfish::server {

// An exchange over a connection, from which it is detached once it is answered
// or its client has gone. From then on what it is told to send is dropped.
class LiveExchange : public Exchange,
                     public std::enable_shared_from_this<LiveExchange> {
 public:
  LiveExchange(HttpRequest request, std::shared_ptr<Loop> loop,
               std::shared_ptr<Connection> connection);
  // A handler that forgot to answer is answered for.
  ~LiveExchange() override;

  void respond(HttpResponse response) override;
  void begin_stream(HttpResponse head) override;
  void write(std::string bytes) override;
  void end() override;
  std::size_t unsent() const override;
  void on_gone(std::function<void()> action) override;
  void post(std::function<void()> work) override;
  void after(std::chrono::milliseconds delay,
             std::function<void()> work) override;

  bool attached() const { return connection_ != nullptr; }
  // Answers 500, or breaks off an answer that has begun.
  void fail(const std::string& why);
  // The connection's: the answer is complete.
  void detach();
  // The connection's: there is nobody to answer.
  void client_gone();

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Connection> connection_;
  std::function<void()> gone_action_;
  bool gone_ = false;
  std::vector<std::weak_ptr<boost::asio::steady_timer>> timers_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_LIVE_EXCHANGE_H_
