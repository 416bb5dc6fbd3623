#include "server/http/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;
using ClientRequest = beast::http::request<beast::http::string_body>;

}  // namespace

HttpAddress HttpAddress::parse(std::string_view url) {
  const auto refuse = [&](std::string_view why) {
    throw UsageError(fmt::format(
        "\"{}\": {}, expected http://HOST:PORT, as `pilotfish serve` prints it",
        url, why));
  };
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) {
    refuse("https is not spoken here (a tunnel such as ssh -L makes it http)");
  }
  if (!url.starts_with(kScheme)) refuse("is no address of a server");
  std::string_view rest = url.substr(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@ ") != std::string_view::npos) {
    refuse("has more than host and port");
  }
  HttpAddress address;
  const std::size_t colon = rest.rfind(':');
  const std::size_t bracket = rest.rfind(']');
  if (colon != std::string_view::npos &&
      (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view port = rest.substr(colon + 1);
    const bool digits =
        std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
    if (port.empty() || port.size() > 5 || !digits ||
        std::stoi(std::string(port)) > 65535) {
      refuse("the port is no number up to 65535");
    }
    address.port = port;
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) {
    rest = rest.substr(1, rest.size() - 2);
  }
  if (rest.empty()) refuse("there is no host");
  address.host = rest;
  return address;
}

std::string HttpAddress::url() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return fmt::format("http://{}:{}", is_ipv6 ? "[" + host + "]" : host, port);
}

class HttpClient::Connection {
 public:
  Connection(HttpAddress address, HttpClientOptions options)
      : address_(std::move(address)), options_(std::move(options)) {}

  HttpAnswer exchange(const ClientRequest& request) {
    // A server may close a connection that nobody used for a while.
    const bool is_old = stream_.has_value();
    connect();
    try {
      return answer_to(request);
    } catch (const boost::system::system_error& error) {
      close();
      if (!is_old || !has_gone(error.code())) throw_for(error.code());
    }
    connect();
    try {
      return answer_to(request);
    } catch (const boost::system::system_error& error) {
      close();
      throw_for(error.code());
    }
  }

  void leave_after(const ClientRequest& request, std::size_t bytes) {
    close();
    connect();
    try {
      send(request);
      std::array<char, 512> read{};
      std::size_t come = 0;
      while (come < bytes) {
        const std::size_t more = run([&](auto done) {
          stream_->async_read_some(asio::buffer(read), done);
        });
        come += more;
      }
    } catch (const boost::system::system_error& error) {
      if (!has_gone(error.code())) {
        close();
        throw_for(error.code());
      }
    }
    close();
  }

  ClientRequest request(beast::http::verb verb, std::string_view path) const {
    ClientRequest request(verb, {path.data(), path.size()}, 11);
    const std::string url = address_.url();
    request.set(beast::http::field::host, url.substr(url.find("//") + 2));
    request.set(beast::http::field::user_agent, "pilotfish");
    if (!options_.api_key.empty()) {
      request.set(beast::http::field::authorization,
                  "Bearer " + options_.api_key);
    }
    return request;
  }

 private:
  // Starts something with a time limit, and waits for its end.
  template <typename Start>
  std::size_t run(const Start& start) {
    boost::system::error_code failure;
    std::size_t size = 0;
    start([&](const boost::system::error_code& error, std::size_t bytes) {
      failure = error;
      size = bytes;
    });
    loop_.restart();
    loop_.run();
    if (failure) throw boost::system::system_error(failure);
    return size;
  }

  void connect() {
    if (stream_) return;
    boost::system::error_code failure;
    const auto found =
        Tcp::resolver(loop_).resolve(address_.host, address_.port, failure);
    if (failure) throw_for(failure);
    stream_.emplace(loop_);
    stream_->expires_after(options_.time_limit);
    stream_->async_connect(found,
                           [&](const boost::system::error_code& error,
                               const Tcp::endpoint&) { failure = error; });
    loop_.restart();
    loop_.run();
    if (failure) {
      close();
      throw_for(failure);
    }
    stream_->socket().set_option(Tcp::no_delay(true), failure);
  }

  void send(const ClientRequest& request) {
    stream_->expires_after(options_.time_limit);
    run([&](auto done) { beast::http::async_write(*stream_, request, done); });
  }

  HttpAnswer answer_to(const ClientRequest& request) {
    send(request);
    beast::flat_buffer buffer;
    beast::http::response_parser<beast::http::string_body> parser;
    parser.body_limit(options_.body_bytes);
    run([&](auto done) {
      beast::http::async_read(*stream_, buffer, parser, done);
    });
    if (!parser.keep_alive()) close();
    auto message = parser.release();
    return {
        .status = static_cast<int>(message.result_int()),
        .body = std::move(message.body()),
        .retry_after = std::string(message[beast::http::field::retry_after])};
  }

  void close() { stream_.reset(); }

  static bool has_gone(const boost::system::error_code& error) {
    return error == beast::http::error::end_of_stream ||
           error == asio::error::eof ||
           error == asio::error::connection_reset ||
           error == asio::error::broken_pipe;
  }

  [[noreturn]] void throw_for(const boost::system::error_code& error) const {
    const std::string url = address_.url();
    if (error == beast::error::timeout) {
      throw Error(fmt::format(
          "{}: no answer within {} s", url,
          std::chrono::duration<double>(options_.time_limit).count()));
    }
    if (has_gone(error) || error == beast::http::error::partial_message) {
      throw Error(fmt::format(
          "{}: the server closed the connection before its answer ended", url));
    }
    if (error == beast::http::error::body_limit) {
      throw Error(fmt::format("{}: the answer has more than {} bytes", url,
                              options_.body_bytes));
    }
    // Beast's own errors are those of its parser.
    if (error.category() ==
        make_error_code(beast::http::error::bad_version).category()) {
      throw Error(
          fmt::format("{}: the answer is no HTTP: {}", url, error.message()));
    }
    throw Error(fmt::format("{}: cannot be reached: {}", url, error.message()));
  }

  const HttpAddress address_;
  const HttpClientOptions options_;
  asio::io_context loop_;
  std::optional<beast::tcp_stream> stream_;  // nullopt: not connected
};

HttpClient::HttpClient(HttpAddress address, HttpClientOptions options)
    : connection_(std::make_unique<Connection>(std::move(address),
                                               std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpAnswer HttpClient::get(std::string_view path) {
  return connection_->exchange(
      connection_->request(beast::http::verb::get, path));
}

namespace {

ClientRequest with_json(ClientRequest request, std::string json) {
  request.set(beast::http::field::content_type, "application/json");
  request.body() = std::move(json);
  request.prepare_payload();
  return request;
}

}  // namespace

HttpAnswer HttpClient::post(std::string_view path, std::string json) {
  return connection_->exchange(with_json(
      connection_->request(beast::http::verb::post, path), std::move(json)));
}

void HttpClient::post_and_leave(std::string_view path, std::string json,
                                std::size_t bytes) {
  ClientRequest request = with_json(
      connection_->request(beast::http::verb::post, path), std::move(json));
  request.keep_alive(false);  // so that the answer's end is the connection's
  connection_->leave_after(request, bytes);
}

}  // namespace pilotfish::server
