#include "server/http/server.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <utility>

#include "pilotfish/error.h"
#include "server/http/connection.h"
#include "server/http/listener.h"
#include "server/http/loop.h"
#include "server/http/transport.h"

namespace pilotfish::server {

class HttpServer::Impl {
 public:
  Impl(HttpOptions options, HttpHooks hooks);
  ~Impl();

  void run();
  void drain();
  void stop();
  void watch_signals();

  const HttpOptions options;
  const std::shared_ptr<Loop> loop = std::make_shared<Loop>();
  std::vector<std::string> addresses;
  std::uint16_t port = 0;
  boost::asio::signal_set signals{loop->context()};
  std::function<void(int)> signal_action;
  std::atomic<std::size_t> open{0};

 private:
  void accept(StreamSocket socket, bool is_tcp);
  // Closes the connection that has been idle longest; false: none is.
  bool make_room();
  void end_if_drained();

  std::unique_ptr<boost::asio::ssl::context> tls_;
  ConnectionSet set_;
  Listeners listeners_;
};

HttpServer::Impl::Impl(HttpOptions given, HttpHooks hooks)
    : options(std::move(given)),
      set_{.loop = loop, .limits = options.limits, .hooks = std::move(hooks)} {
  if (options.tls_certificates.empty() != options.tls_key.empty()) {
    throw UsageError("TLS needs both a certificate and its key");
  }
  if (!options.tls_key.empty()) {
    tls_ = make_tls_context(options.tls_certificates.string(),
                            options.tls_key.string());
  }
  listeners_ = listen_on_hosts(loop->context(), options.hosts, options.port);
  for (const auto& listener : listeners_) {
    addresses.push_back(fmt::format("{}://{}", tls_ ? "https" : "http",
                                    address_text(listener->endpoint())));
  }
  if (!listeners_.empty()) port = port_of(listeners_.front()->endpoint());
  if (!options.unix_socket.empty()) {
    listeners_.push_back(listen_on_file(loop->context(), options.unix_socket));
    addresses.push_back("unix:" + options.unix_socket.string());
  }
  if (listeners_.empty()) throw UsageError("there is nothing to listen on");
  set_.on_close = [this] {
    open = set_.open.size();
    end_if_drained();
  };
}

HttpServer::Impl::~Impl() {
  stop();
  signals.cancel();
  loop->close();
}

void HttpServer::Impl::run() {
  for (const auto& listener : listeners_) {
    const bool is_tcp = listener->file.empty();
    listener->start(
        [this, is_tcp](StreamSocket socket) {
          accept(std::move(socket), is_tcp);
        },
        [this] { make_room(); });
  }
  watch_signals();
  const auto work = boost::asio::make_work_guard(loop->context());
  loop->context().run();
  // From here on they end the program, as they do others.
  boost::system::error_code ignored;
  signals.clear(ignored);
}

void HttpServer::Impl::accept(StreamSocket socket, bool is_tcp) {
  if (is_tcp) tune_tcp(socket, options.limits.to_read);
  const bool full =
      set_.open.size() >= options.limits.connections && !make_room();
  std::string client = peer_name(socket);
  const bool secret = is_tcp && tls_;
  // There is no time for a handshake only to say no.
  if (full && secret) return;
  const auto connection = std::make_shared<Connection>(
      set_,
      secret ? make_tls_transport(std::move(socket), *tls_)
             : make_plain_transport(std::move(socket)),
      std::move(client));
  if (full) {
    // These too are bounded.
    if (set_.open.size() >= 2 * options.limits.connections) return;
    connection->start_refused();
  } else {
    connection->start();
  }
  open = set_.open.size();
}

bool HttpServer::Impl::make_room() {
  if (set_.idle.empty()) return false;
  set_.idle.front()->stop();
  return true;
}

void HttpServer::Impl::drain() {
  set_.draining = true;
  listeners_.clear();
  const auto open_now = set_.open;
  for (const auto& connection : open_now) connection->drain();
  end_if_drained();
}

void HttpServer::Impl::stop() {
  set_.draining = true;
  listeners_.clear();
  const auto open_now = set_.open;
  for (const auto& connection : open_now) connection->stop();
  loop->context().stop();
}

void HttpServer::Impl::end_if_drained() {
  if (set_.draining && set_.open.empty()) loop->context().stop();
}

void HttpServer::Impl::watch_signals() {
  if (!signal_action) return;
  signals.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    signal_action(signal);
    watch_signals();
  });
}

HttpServer::HttpServer(HttpOptions options, HttpHooks hooks)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(hooks))) {}

HttpServer::~HttpServer() = default;

const std::vector<std::string>& HttpServer::addresses() const {
  return impl_->addresses;
}

std::uint16_t HttpServer::port() const { return impl_->port; }

void HttpServer::run() { impl_->run(); }

void HttpServer::drain() {
  impl_->loop->post([this] { impl_->drain(); });
}

void HttpServer::stop() {
  impl_->loop->post([this] { impl_->stop(); });
}

void HttpServer::post(std::function<void()> work) {
  impl_->loop->post(std::move(work));
}

std::size_t HttpServer::connections() const { return impl_->open; }

void HttpServer::on_signal(std::initializer_list<int> signals,
                           std::function<void(int)> action) {
  for (const int signal : signals) impl_->signals.add(signal);
  impl_->signal_action = std::move(action);
}

}  // namespace pilotfish::server
