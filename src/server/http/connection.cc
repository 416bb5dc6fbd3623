#include "server/http/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <exception>
#include <random>
#include <utility>

#include "server/http/live_exchange.h"
#include "server/http/response_text.h"

namespace pilotfish::server {
namespace {

using boost::system::error_code;

// An idle connection holds no more than the smaller.
constexpr std::size_t kSmallChunk = 4096;
constexpr std::size_t kLargeChunk = std::size_t{64} << 10;

// Whether a client may name its request so.
bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
  });
}

// The system gives up on a client that acknowledges nothing.
ExchangeEnd end_of(error_code error) {
  return error == boost::asio::error::timed_out ? ExchangeEnd::kTooSlow
                                                : ExchangeEnd::kGone;
}

std::string random_id() {
  static std::mt19937_64 random{std::random_device{}()};
  return fmt::format("{:016x}", random());
}

}  // namespace

Connection::Connection(ConnectionSet& set, std::unique_ptr<Transport> transport,
                       std::string client)
    : set_(set),
      transport_(std::move(transport)),
      client_(std::move(client)),
      timer_(set.loop->context()) {}

void Connection::start() {
  place_ = set_.open.insert(set_.open.end(), shared_from_this());
  expire_after(set_.limits.to_send);
  transport_->handshake(
      [self = shared_from_this()](error_code error, std::size_t) {
        if (self->phase_ == Phase::kClosed) return;
        if (error) return self->end(ExchangeEnd::kGone);
        self->wait_for_request();
        self->read();
      });
}

void Connection::start_refused() {
  place_ = set_.open.insert(set_.open.end(), shared_from_this());
  read();
  HttpResponse response = http_error(
      503, "the server has as many connections as it may; try again later");
  response.headers["Retry-After"] = "1";
  refuse(std::move(response));
}

void Connection::drain() {
  if (phase_ == Phase::kHandshake || phase_ == Phase::kIdle) {
    end(ExchangeEnd::kGone);
  }
}

// Reading.

void Connection::read() {
  if (ended_ || phase_ == Phase::kClosed) return;
  const std::size_t size =
      phase_ == Phase::kReading ? kLargeChunk : kSmallChunk;
  if (chunk_.size() != size) chunk_ = std::vector<char>(size);
  transport_->read(
      chunk_.data(), chunk_.size(),
      [self = shared_from_this()](error_code error, std::size_t bytes) {
        self->on_read(error, bytes);
      });
}

void Connection::on_read(error_code error, std::size_t bytes) {
  if (phase_ == Phase::kClosed) return;
  if (error) {
    ended_ = true;
    return on_end_of_input(error);
  }
  if (phase_ != Phase::kClosing && !body_unread_ && !flooded_) {
    input_.append(chunk_.data(), bytes);
    consume();
    if (phase_ == Phase::kAnswering && input_.size() > kLargeChunk) {
      flooded_ = true;
      input_ = {};
    }
  }
  read();
}

void Connection::on_end_of_input(error_code error) {
  const bool orderly = error == boost::asio::error::eof ||
                       error == boost::asio::ssl::error::stream_truncated;
  // What is queued still reaches a client that has only closed its half.
  if (orderly && phase_ == Phase::kAnswering && answered_) return;
  end(end_of(error));
}

void Connection::wait_for_request() {
  set_phase(Phase::kIdle);
  reader_.reset();
  expire_after(set_.limits.idle);
  consume();
}

void Connection::consume() {
  if (consuming_) return;
  consuming_ = true;
  while (phase_ == Phase::kIdle || phase_ == Phase::kReading) {
    if (phase_ == Phase::kIdle) {
      // An empty line before a request is no mistake.
      input_.erase(0,
                   std::min(input_.find_first_not_of("\r\n"), input_.size()));
      if (input_.empty()) break;
      begin_request();
    }
    const RequestReader::State state = reader_->read(input_);
    if (state == RequestReader::State::kMore) break;
    if (state == RequestReader::State::kHeader) {
      on_header();
    } else if (state == RequestReader::State::kDone) {
      dispatch();
    } else {
      const auto& [status, message] = reader_->refusal();
      body_unread_ = true;
      request_ = reader_->request();
      refuse(http_error(status, message));
    }
  }
  consuming_ = false;
  if (ended_ && (phase_ == Phase::kIdle || phase_ == Phase::kReading)) {
    end(ExchangeEnd::kGone);
  }
}

void Connection::begin_request() {
  set_phase(Phase::kReading);
  expire_after(set_.limits.to_send);
  reader_.emplace(set_.limits.header_bytes, set_.limits.body_bytes);
  request_ = {};
  record_ = {};
  record_.client = client_;
  began_ = Clock::now();
  begun_ = true;
  head_only_ = keep_alive_ = knows_chunks_ = body_unread_ = false;
  head_sent_ = chunked_ = answered_ = false;
}

void Connection::on_header() {
  request_ = reader_->request();
  request_.id = id_of(request_);
  head_only_ = request_.method == "HEAD";
  keep_alive_ = reader_->keep_alive();
  knows_chunks_ = reader_->knows_chunks();
  if (set_.hooks.admit) {
    if (auto answer = set_.hooks.admit(request_)) {
      body_unread_ = reader_->has_body();
      if (body_unread_) return refuse(std::move(*answer));
      set_phase(Phase::kAnswering);
      deadline_.reset();
      return send_all(std::move(*answer));
    }
  }
  if (reader_->expects_continue() && reader_->has_body()) {
    queue("HTTP/1.1 100 Continue\r\n\r\n");
    write_more();
  }
}

void Connection::dispatch() {
  set_phase(Phase::kAnswering);
  deadline_.reset();
  HttpRequest request = reader_->take_request();
  reader_.reset();
  request.id = request_.id;
  record_.body_bytes = request.body.size();
  if (head_only_) request.method = "GET";
  const auto exchange = std::make_shared<LiveExchange>(
      std::move(request), set_.loop, shared_from_this());
  exchange_ = exchange;
  try {
    set_.hooks.handler(exchange);
  } catch (const std::exception& error) {
    exchange->fail(error.what());
  }
}

std::string Connection::id_of(const HttpRequest& request) {
  const auto given = request.headers.find("x-request-id");
  return given != request.headers.end() && is_request_id(given->second)
             ? given->second
             : random_id();
}

// Answering.

void Connection::refuse(HttpResponse response) {
  set_phase(Phase::kAnswering);
  deadline_.reset();
  keep_alive_ = false;
  if (request_.id.empty()) request_.id = random_id();
  input_ = {};
  send_all(std::move(response));
}

void Connection::send_head(HttpResponse response,
                           std::optional<std::size_t> length) {
  if (head_sent_ || phase_ != Phase::kAnswering) return;
  head_sent_ = true;
  response.headers["x-request-id"] = request_.id;
  if (set_.hooks.decorate) set_.hooks.decorate(request_, response);
  if (!length && !knows_chunks_) keep_alive_ = false;
  if (set_.draining || flooded_) keep_alive_ = false;
  chunked_ = !length && knows_chunks_;
  Framing framing{.chunked = chunked_, .length = length};
  if (!keep_alive_) {
    framing.connection = "close";
  } else if (!knows_chunks_) {
    framing.connection = "keep-alive";  // HTTP/1.0 has to be told
  }
  queue(head_text(response, framing));
  record_.status = response.status;
}

void Connection::send_all(HttpResponse response) {
  if (head_sent_) return;
  std::string body = std::move(response.body);
  if (response.status == 204) body.clear();
  const std::size_t length = body.size();
  send_head(std::move(response), length);
  if (!head_only_) queue(body);
  send_last();
}

void Connection::send_piece(std::string bytes) {
  if (!head_sent_ || answered_ || phase_ != Phase::kAnswering) return;
  if (!head_only_ && !bytes.empty()) {
    queue(chunked_ ? chunk_text(bytes) : bytes);
  }
  if (unsent() > set_.limits.unsent_bytes) return end(ExchangeEnd::kTooSlow);
  write_more();
}

void Connection::send_last() {
  if (!head_sent_ || answered_ || phase_ != Phase::kAnswering) return;
  answered_ = true;
  if (chunked_ && !head_only_) queue(kLastChunk);
  if (const auto exchange = exchange_.lock()) exchange->detach();
  write_more();
}

void Connection::fail(const std::string& why) {
  if (phase_ != Phase::kAnswering || answered_) return;
  if (head_sent_) return end(ExchangeEnd::kBroken);
  send_all(http_error(500, why));
}

void Connection::queue(std::string_view bytes) {
  waiting_ += bytes;
  record_.answer_bytes += bytes.size();
}

void Connection::write_more() {
  if (in_write_ || phase_ == Phase::kClosed) return;
  if (written_ == writing_.size()) {
    writing_ = std::exchange(waiting_, {});
    written_ = 0;
  }
  if (writing_.empty()) {
    if (phase_ == Phase::kAnswering) {
      deadline_.reset();
      if (answered_) complete();
    }
    return;
  }
  in_write_ = true;
  if (phase_ == Phase::kAnswering) expire_after(set_.limits.to_read);
  transport_->write(
      writing_.data() + written_, writing_.size() - written_,
      [self = shared_from_this()](error_code error, std::size_t bytes) {
        self->on_written(error, bytes);
      });
}

void Connection::on_written(error_code error, std::size_t bytes) {
  in_write_ = false;
  if (phase_ == Phase::kClosed) return;
  if (error) return end(end_of(error));
  written_ += bytes;
  write_more();
}

void Connection::complete() {
  record(ExchangeEnd::kSent);
  if (!keep_alive_ || ended_ || flooded_ || set_.draining) {
    return begin_close();
  }
  wait_for_request();
}

// A client that is still sending when its socket is closed would lose the
// answer: what it sends is read, for a while, and thrown away.
void Connection::begin_close() {
  if (ended_) return end(ExchangeEnd::kSent);
  set_phase(Phase::kClosing);
  input_ = {};
  expire_after(set_.limits.to_close);
  // The client's end is read, or the deadline comes.
  const auto told = [self = shared_from_this()](error_code, std::size_t) {};
  if (body_unread_) {
    transport_->finish_early(told);
  } else {
    transport_->finish(told);
  }
}

void Connection::end(ExchangeEnd why) {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();  // it may be the last
  set_phase(Phase::kClosed);
  deadline_.reset();
  timer_.cancel();
  transport_->close();
  record(why);
  if (const auto exchange = exchange_.lock()) exchange->client_gone();
  set_.open.erase(place_);
  if (set_.on_close) set_.on_close();
}

void Connection::record(ExchangeEnd why) {
  if (!begun_) return;
  begun_ = false;
  record_.id = request_.id;
  record_.method = request_.method;
  record_.path = request_.path;
  record_.seconds =
      std::chrono::duration<double>(Clock::now() - began_).count();
  record_.end = why;
  if (set_.hooks.on_end) set_.hooks.on_end(record_);
}

// Time.

void Connection::set_phase(Phase phase) {
  if (phase_ == phase) return;
  if (phase_ == Phase::kIdle) set_.idle.erase(idle_place_);
  phase_ = phase;
  if (phase_ == Phase::kIdle) {
    idle_place_ = set_.idle.insert(set_.idle.end(), this);
  }
}

// The timer is started anew only where it would fire too late: most deadlines
// move on before they come.
void Connection::expire_after(std::chrono::milliseconds delay) {
  deadline_ = Clock::now() + delay;
  if (!armed_ || timer_.expiry() > *deadline_) arm_timer();
}

void Connection::arm_timer() {
  armed_ = true;
  timer_.expires_at(*deadline_);
  timer_.async_wait(
      [self = shared_from_this(), arming = ++arming_](error_code error) {
        if (error || arming != self->arming_) return;
        if (self->phase_ == Phase::kClosed) return;
        self->armed_ = false;
        if (!self->deadline_) return;
        if (Clock::now() < *self->deadline_) return self->arm_timer();
        self->deadline_.reset();
        self->on_deadline();
      });
}

void Connection::on_deadline() {
  if (phase_ == Phase::kReading) {
    body_unread_ = true;
    return refuse(
        http_error(408, fmt::format("the request did not come within {} ms",
                                    set_.limits.to_send.count())));
  }
  end(phase_ == Phase::kAnswering ? ExchangeEnd::kTooSlow : ExchangeEnd::kGone);
}

std::size_t Connection::unsent() const {
  return waiting_.size() + writing_.size() - written_;
}

}  // namespace pilotfish::server
