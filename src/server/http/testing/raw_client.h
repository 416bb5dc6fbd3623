#ifndef PILOTFISH_SERVER_HTTP_TESTING_RAW_CLIENT_H_
#define PILOTFISH_SERVER_HTTP_TESTING_RAW_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace pilotfish::server::testing {

struct RawResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // of chunks: joined
};

// A client that sends what bytes it is told, and no others. What does not come
// within a minute is an error.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect(reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  explicit RawClient(const std::string& unix_socket)
      : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    unix_socket.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connect(reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        tls_(std::move(other.tls_)),
        received_(std::move(other.received_)) {}
  ~RawClient() { close(); }

  // Speaks TLS from here on, and trusts whom it meets.
  void start_tls() {
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL cannot be told not to raise it
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    tls_.reset(SSL_new(context));
    SSL_CTX_free(context);
    SSL_set_fd(tls_.get(), fd_);
    if (SSL_connect(tls_.get()) != 1) throw std::runtime_error("no handshake");
  }

  // False: the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent =
          tls_ ? SSL_write(tls_.get(), bytes.data(),
                           static_cast<int>(bytes.size()))
               : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Nothing more will be sent.
  void close_half() { ::shutdown(fd_, SHUT_WR); }

  void close() {
    tls_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  // Up to and with `end`. nullopt: the server closed before.
  std::optional<std::string> read_until(std::string_view end) {
    std::size_t found = 0;
    while ((found = received_.find(end)) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    return take(found + end.size());
  }

  // What comes until the server closes.
  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(received_, {});
  }

  // The next response that is not of the class 1xx. nullopt: the server closed
  // first. `head_only`: it has no body, whatever it says.
  std::optional<RawResponse> read_response(bool head_only = false) {
    const auto head = read_until("\r\n\r\n");
    if (!head) return std::nullopt;
    RawResponse response = parse_head(*head);
    if (response.status < 200) return read_response(head_only);
    if (head_only || response.status == 204) return response;
    if (response.headers.contains("transfer-encoding")) {
      while (true) {
        const auto line = read_until("\r\n");
        if (!line) return std::nullopt;
        const std::size_t size = std::stoul(*line, nullptr, 16);
        const auto chunk = read_bytes(size + 2);
        if (!chunk) return std::nullopt;
        if (size == 0) return response;
        response.body += chunk->substr(0, size);
      }
    }
    const auto length = response.headers.find("content-length");
    if (length == response.headers.end()) {
      response.body = read_to_end();
      return response;
    }
    const auto body = read_bytes(std::stoul(length->second));
    if (!body) return std::nullopt;
    response.body = *body;
    return response;
  }

  static RawResponse parse_head(const std::string& head) {
    RawResponse response;
    response.status = std::atoi(head.c_str() + head.find(' '));
    std::size_t start = head.find("\r\n") + 2;
    while (start < head.size() - 2) {
      const std::size_t end = head.find("\r\n", start);
      const std::size_t colon = head.find(": ", start);
      std::string name = head.substr(start, colon - start);
      for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      }
      response.headers[name] = head.substr(colon + 2, end - colon - 2);
      start = end + 2;
    }
    return response;
  }

 private:
  void connect(const sockaddr* address, socklen_t size) {
    const timeval minute = {60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof(minute));
    if (::connect(fd_, address, size) != 0) {
      throw std::runtime_error("no connection");
    }
  }

  // False: the server has closed.
  bool receive() {
    char bytes[16384];
    const ssize_t size = tls_ ? SSL_read(tls_.get(), bytes, sizeof(bytes))
                              : ::recv(fd_, bytes, sizeof(bytes), 0);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      throw std::runtime_error("nothing came for a minute");
    }
    if (size <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  std::optional<std::string> read_bytes(std::size_t size) {
    while (received_.size() < size) {
      if (!receive()) return std::nullopt;
    }
    return take(size);
  }

  std::string take(std::size_t size) {
    std::string bytes = received_.substr(0, size);
    received_.erase(0, size);
    return bytes;
  }

  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  int fd_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string received_;
};

inline std::string get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" +
         std::string(headers) + "\r\n";
}

inline std::string post(std::string_view path, std::string_view body,
                        std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" +
         std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_HTTP_TESTING_RAW_CLIENT_H_
