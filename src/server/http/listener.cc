#include "server/http/listener.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using boost::system::system_error;

constexpr int kTriesForAPort = 16;

std::set<tcp::endpoint> addresses_of(asio::io_context& context,
                                     const std::string& host) {
  tcp::resolver resolver(context);
  error_code error;
  const auto found = resolver.resolve(host, "0", tcp::resolver::passive, error);
  if (error) {
    throw UsageError(fmt::format("--host {}: {}", host, error.message()));
  }
  std::set<tcp::endpoint> addresses;
  for (const auto& entry : found) addresses.insert(entry.endpoint());
  return addresses;
}

// Listens on what it can of a host's addresses; with none, throws why.
void listen_on_host(asio::io_context& context, const std::string& host,
                    std::uint16_t& port, Listeners& listeners) {
  std::optional<system_error> failure;
  std::size_t listening = 0;
  for (tcp::endpoint address : addresses_of(context, host)) {
    address.port(port);
    try {
      listeners.push_back(std::make_unique<Listener>(context, address));
      port = port_of(listeners.back()->endpoint());
      ++listening;
    } catch (const system_error& error) {
      // A machine may know the name ::1 and have no IPv6.
      if (error.code() != asio::error::address_family_not_supported &&
          error.code() !=
              error_code(EADDRNOTAVAIL, boost::system::system_category())) {
        throw;
      }
      failure = error;
    }
  }
  if (listening == 0 && failure) throw *failure;
}

bool answers(asio::io_context& context, const std::filesystem::path& file) {
  asio::local::stream_protocol::socket socket(context);
  error_code error;
  socket.connect(file.string(), error);
  return !error;
}

}  // namespace

Listener::Listener(asio::io_context& context,
                   const StreamSocket::endpoint_type& endpoint)
    : acceptor_(context), pause_(context) {
  acceptor_.open(endpoint.protocol());
  if (endpoint.protocol().family() != AF_UNIX) {
    acceptor_.set_option(asio::socket_base::reuse_address(true));
  }
  if (endpoint.protocol().family() == AF_INET6) {
    acceptor_.set_option(asio::ip::v6_only(true));
  }
  acceptor_.bind(endpoint);
  acceptor_.listen();
}

Listener::~Listener() {
  if (file.empty()) return;
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

StreamSocket::endpoint_type Listener::endpoint() const {
  return acceptor_.local_endpoint();
}

void Listener::start(Accepted accepted, std::function<void()> short_of) {
  accepted_ = std::move(accepted);
  short_of_ = std::move(short_of);
  accept();
}

void Listener::accept() {
  acceptor_.async_accept([this, alive = std::weak_ptr<bool>(alive_)](
                             error_code error, StreamSocket socket) {
    if (alive.expired() || error == asio::error::operation_aborted) return;
    if (!error) {
      accepted_(std::move(socket));
    } else if (error == asio::error::no_descriptors ||
               error == asio::error::no_memory ||
               error == asio::error::no_buffer_space ||
               error == error_code(ENFILE, boost::system::system_category())) {
      // It would fail again at once.
      short_of_();
      pause_.expires_after(std::chrono::milliseconds(50));
      pause_.async_wait([this, alive](error_code stopped) {
        if (!stopped && !alive.expired()) accept();
      });
      return;
    }
    // Whoever was told may have closed this.
    if (!alive.expired()) accept();
  });
}

Listeners listen_on_hosts(asio::io_context& context,
                          const std::vector<std::string>& hosts,
                          std::uint16_t port) {
  for (int tries = 1;; ++tries) {
    std::uint16_t chosen = port;
    Listeners listeners;
    std::string host;
    try {
      for (const std::string& each : hosts) {
        host = each;
        listen_on_host(context, each, chosen, listeners);
      }
      return listeners;
    } catch (const system_error& error) {
      // What is free on one address may be taken on another.
      if (port == 0 && error.code() == asio::error::address_in_use &&
          tries < kTriesForAPort) {
        continue;
      }
      throw UsageError(fmt::format("cannot listen on {} port {}: {}", host,
                                   chosen, error.code().message()));
    }
  }
}

std::unique_ptr<Listener> listen_on_file(asio::io_context& context,
                                         const std::filesystem::path& file) {
  const std::string name = file.string();
  struct stat status {};
  if (lstat(name.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      throw UsageError(
          fmt::format("--unix-socket {}: there is a file of this name", name));
    }
    if (answers(context, file)) {
      throw UsageError(
          fmt::format("--unix-socket {}: another server listens there", name));
    }
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
  }
  try {
    auto listener = std::make_unique<Listener>(
        context, asio::local::stream_protocol::endpoint(name));
    listener->file = file;
    return listener;
  } catch (const system_error& error) {
    throw UsageError(
        fmt::format("--unix-socket {}: {}", name, error.code().message()));
  }
}

std::uint16_t port_of(const StreamSocket::endpoint_type& endpoint) {
  const sockaddr* address = endpoint.data();
  if (address->sa_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  }
  if (address->sa_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  }
  return 0;
}

}  // namespace pilotfish::server
