#ifndef PILOTFISH_SERVER_HTTP_CONNECTION_H_
#define PILOTFISH_SERVER_HTTP_CONNECTION_H_

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/http_options.h"
#include "server/http/loop.h"
#include "server/http/request_reader.h"
#include "server/http/transport.h"

namespace pilotfish::server {

class Connection;
class LiveExchange;

// What all connections of a server share.
struct ConnectionSet {
  std::shared_ptr<Loop> loop;
  HttpLimits limits;
  HttpHooks hooks;
  bool draining = false;
  std::list<std::shared_ptr<Connection>> open = {};
  std::list<Connection*> idle = {};     // among those; longest first
  std::function<void()> on_close = {};  // one of them has closed
};

// One client. It always reads, also while it answers: that is how a client that
// goes away is noticed. Requests that follow the first (pipelining) wait until
// the answer before them has been sent.
//
// A client that closes its half while an answer is under way counts as gone, as
// no server can tell the two apart.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionSet& set, std::unique_ptr<Transport> transport,
             std::string client);

  void start();
  // Answers 503 and closes.
  void start_refused();
  // No further request; what is being answered is answered.
  void drain();
  // At once.
  void stop() { end(ExchangeEnd::kGone); }

 private:
  friend class LiveExchange;
  using Clock = std::chrono::steady_clock;
  enum class Phase {
    kHandshake,
    kIdle,       // no byte of a next request
    kReading,    // a request
    kAnswering,  // until the answer is sent
    kClosing,    // until the client closes
    kClosed,
  };

  void read();
  void on_read(boost::system::error_code error, std::size_t bytes);
  void on_end_of_input(boost::system::error_code error);
  void wait_for_request();
  void consume();
  void begin_request();
  void on_header();
  void dispatch();
  std::string id_of(const HttpRequest& request);

  // Answers without a handler, and closes.
  void refuse(HttpResponse response);
  // Starts an answer; nullopt for `length`: a stream.
  void send_head(HttpResponse response, std::optional<std::size_t> length);
  void send_all(HttpResponse response);
  void send_piece(std::string bytes);
  void send_last();
  // Answers 500, or breaks off an answer that has begun.
  void fail(const std::string& why);
  void queue(std::string_view bytes);
  void write_more();
  void on_written(boost::system::error_code error, std::size_t bytes);
  void complete();
  void begin_close();
  // The connection is over.
  void end(ExchangeEnd why);
  void record(ExchangeEnd why);

  void set_phase(Phase phase);
  void expire_after(std::chrono::milliseconds delay);
  void arm_timer();
  void on_deadline();
  std::size_t unsent() const;

  ConnectionSet& set_;
  const std::unique_ptr<Transport> transport_;
  const std::string client_;
  std::list<std::shared_ptr<Connection>>::iterator place_;
  std::list<Connection*>::iterator idle_place_;
  Phase phase_ = Phase::kHandshake;

  boost::asio::steady_timer timer_;
  std::optional<Clock::time_point> deadline_;  // nullopt: none
  bool armed_ = false;
  std::uint64_t arming_ = 0;  // tells the timer's last start from others

  std::vector<char> chunk_;  // where what is being read goes
  std::string input_;        // read, and not understood yet
  bool consuming_ = false;
  bool ended_ = false;    // nothing more will come from the client
  bool flooded_ = false;  // it sent more than may wait; the rest is dropped

  std::string writing_;  // what is being sent, from written_ on
  std::size_t written_ = 0;
  bool in_write_ = false;
  std::string waiting_;  // what comes behind it

  // Of the request at hand.
  std::optional<RequestReader> reader_;
  std::weak_ptr<LiveExchange> exchange_;
  HttpRequest request_;  // what hooks are shown; without body
  ExchangeRecord record_;
  Clock::time_point began_;
  bool begun_ = false;         // and not recorded yet
  bool head_only_ = false;     // HEAD
  bool keep_alive_ = false;    // as the client wants it
  bool knows_chunks_ = false;  //
  bool body_unread_ = false;   // a refused request's
  bool head_sent_ = false;     // queued, that is
  bool chunked_ = false;
  bool answered_ = false;  // the answer's last byte is queued
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_CONNECTION_H_
