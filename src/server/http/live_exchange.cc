#include "server/http/live_exchange.h"

#include <exception>
#include <utility>

#include "server/http/response_text.h"

namespace pilotfish::server {
namespace {

// Runs work of a handler's. What it throws fails its exchange alone.
void guard(const std::shared_ptr<LiveExchange>& exchange,
           const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    if (exchange) exchange->fail(error.what());
  }
}

}  // namespace

LiveExchange::LiveExchange(HttpRequest request, std::shared_ptr<Loop> loop,
                           std::shared_ptr<Connection> connection)
    : Exchange(std::move(request)),
      loop_(std::move(loop)),
      connection_(std::move(connection)) {}

LiveExchange::~LiveExchange() {
  if (!connection_) return;
  // The last one to let go of it may be on another thread.
  loop_->post([connection = std::move(connection_)] {
    connection->fail("the request was not answered");
  });
}

void LiveExchange::respond(HttpResponse response) {
  if (!connection_) return;
  const auto connection = connection_;
  connection->send_all(std::move(response));
}

void LiveExchange::begin_stream(HttpResponse head) {
  if (!connection_) return;
  const auto connection = connection_;
  std::string first = std::move(head.body);
  connection->send_head(std::move(head), std::nullopt);
  connection->send_piece(std::move(first));
}

void LiveExchange::write(std::string bytes) {
  if (!connection_) return;
  const auto connection = connection_;
  connection->send_piece(std::move(bytes));
}

void LiveExchange::end() {
  if (!connection_) return;
  const auto connection = connection_;
  connection->send_last();
}

std::size_t LiveExchange::unsent() const {
  return connection_ ? connection_->unsent() : 0;
}

void LiveExchange::on_gone(std::function<void()> action) {
  if (gone_) {
    post(std::move(action));
  } else if (connection_) {
    gone_action_ = std::move(action);
  }
}

void LiveExchange::post(std::function<void()> work) {
  loop_->post([weak = weak_from_this(), work = std::move(work)] {
    guard(weak.lock(), work);
  });
}

void LiveExchange::after(std::chrono::milliseconds delay,
                         std::function<void()> work) {
  if (!connection_) return;
  std::erase_if(timers_, [](const auto& timer) { return timer.expired(); });
  const auto timer =
      std::make_shared<boost::asio::steady_timer>(loop_->context(), delay);
  timers_.push_back(timer);
  timer->async_wait([weak = weak_from_this(), timer,
                     work = std::move(work)](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!error && self && self->attached()) guard(self, work);
  });
}

void LiveExchange::fail(const std::string& why) {
  if (!connection_) return;
  const auto connection = connection_;
  connection->fail(why);
}

void LiveExchange::detach() {
  connection_.reset();
  gone_action_ = nullptr;
  for (const auto& weak : timers_) {
    if (const auto timer = weak.lock()) timer->cancel();
  }
  timers_.clear();
}

void LiveExchange::client_gone() {
  const std::function<void()> action = std::move(gone_action_);
  gone_ = true;
  detach();
  if (action) action();
}

}  // namespace pilotfish::server
