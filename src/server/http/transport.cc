#include "server/http/transport.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(StreamSocket socket) : socket_(std::move(socket)) {}

  void handshake(Done done) override { done({}, 0); }

  void read(char* data, std::size_t size, Done done) override {
    socket_.async_read_some(asio::buffer(data, size), std::move(done));
  }

  void write(const char* data, std::size_t size, Done done) override {
    socket_.async_write_some(asio::buffer(data, size), std::move(done));
  }

  void finish(Done done) override {
    error_code error;
    socket_.shutdown(StreamSocket::shutdown_send, error);
    done(error, 0);
  }

  void finish_early(Done done) override { finish(std::move(done)); }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  StreamSocket socket_;
};

class TlsTransport : public Transport {
 public:
  TlsTransport(StreamSocket socket, asio::ssl::context& context)
      : stream_(std::move(socket), context) {}

  void handshake(Done done) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [done = std::move(done)](error_code error) { done(error, 0); });
  }

  void read(char* data, std::size_t size, Done done) override {
    stream_.async_read_some(asio::buffer(data, size), std::move(done));
  }

  void write(const char* data, std::size_t size, Done done) override {
    stream_.async_write_some(asio::buffer(data, size), std::move(done));
  }

  // Its "close notify" goes out at once; the client's is waited for.
  void finish(Done done) override {
    stream_.async_shutdown(
        [done = std::move(done)](error_code error) { done(error, 0); });
  }

  // OpenSSL takes no data between the two. The answer's length tells the client
  // that it is complete.
  void finish_early(Done done) override { done({}, 0); }

  void close() override {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  asio::ssl::stream<StreamSocket> stream_;
};

void set_option(StreamSocket& socket, int level, int name, int value) {
  // Without it the server works too.
  (void)setsockopt(socket.native_handle(), level, name, &value, sizeof(value));
}

}  // namespace

std::unique_ptr<Transport> make_plain_transport(StreamSocket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> make_tls_transport(StreamSocket socket,
                                              asio::ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

std::unique_ptr<asio::ssl::context> make_tls_context(
    const std::string& certificates, const std::string& key) {
  using Context = asio::ssl::context;
  auto context = std::make_unique<Context>(Context::tls_server);
  context->set_options(Context::default_workarounds | Context::no_sslv2 |
                       Context::no_sslv3 | Context::no_tlsv1 |
                       Context::no_tlsv1_1 | Context::no_compression);
  const auto check = [](error_code error, const std::string& file,
                        std::string_view what) {
    if (!error) return;
    throw UsageError(fmt::format("{}: {} expected, as PEM: {}", file, what,
                                 error.message()));
  };
  error_code error;
  context->use_certificate_chain_file(certificates, error);
  check(error, certificates, "certificates");
  context->use_private_key_file(key, Context::pem, error);
  check(error, key, "the certificate's private key");
  return context;
}

void tune_tcp(StreamSocket& socket, std::chrono::milliseconds to_read) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 6);
  set_option(
      socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
      static_cast<int>(std::min<std::int64_t>(to_read.count(), 1 << 30)));
}

std::string peer_name(const StreamSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "gone" : address_text(endpoint);
}

std::string address_text(const StreamSocket::endpoint_type& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  const sockaddr* address = endpoint.data();
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return fmt::format("{}:{}", text, ntohs(v4->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    return fmt::format("[{}]:{}", text, ntohs(v6->sin6_port));
  }
  return "unix";
}

}  // namespace pilotfish::server
