#include "server/http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "pilotfish/error.h"
#include "server/http/testing/running_server.h"

namespace pilotfish::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RunningServer;

HttpAddress address_of(std::uint16_t port) {
  return {.host = "127.0.0.1", .port = std::to_string(port)};
}

// Tells what it was asked.
void tell(const std::shared_ptr<Exchange>& exchange) {
  const HttpRequest& request = exchange->request();
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.path + " " + request.body;
  const auto key = request.headers.find("authorization");
  if (key != request.headers.end()) response.body += " " + key->second;
  exchange->respond(std::move(response));
}

// A port at which what was given is said to everyone who has sent something,
// before the connection is closed.
class Says {
 public:
  explicit Says(std::string words, bool closes = true)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, generic, size) != 0 || ::listen(fd_, 8) != 0 ||
        ::getsockname(fd_, generic, &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, words = std::move(words), closes] {
      while (true) {
        const int client = ::accept(fd_, nullptr, nullptr);
        if (client < 0) return;
        char bytes[4096];
        if (::recv(client, bytes, sizeof(bytes), 0) > 0) {
          ::send(client, words.data(), words.size(), MSG_NOSIGNAL);
        }
        // Else the client closes.
        if (!closes) ::recv(client, bytes, sizeof(bytes), 0);
        ::close(client);
      }
    });
  }
  ~Says() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

  std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_;
  std::thread thread_;
};

std::string http_error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(HttpClient, AsksOneThingAfterAnotherOnOneConnection) {
  RunningServer server(tell);
  HttpClient client(address_of(server.port()), {.api_key = "secret"});
  EXPECT_EQ(client.get("/a").body, "GET /a  Bearer secret");
  const std::string client_of_first = server.wait_for_record().client;
  const HttpAnswer answer = client.post("/b", "{\"x\": 1}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /b {\"x\": 1} Bearer secret");
  EXPECT_EQ(server.wait_for_record().client, client_of_first);
}

TEST(HttpClient, AConnectionThatTheServerClosedIsMadeAnew) {
  const Says server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  HttpClient client(address_of(server.port()));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.get("/").body, "ok");
}

TEST(HttpClient, StatusAndRetryAfterAreTold) {
  const Says server(
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n"
      "Content-Length: 2\r\n\r\n{}");
  HttpClient client(address_of(server.port()));
  const HttpAnswer answer = client.get("/");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.retry_after, "3");
  EXPECT_EQ(answer.body, "{}");
}

TEST(HttpClient, LeavesInMidStream) {
  const auto endless = [](const std::shared_ptr<Exchange>& exchange) {
    exchange->begin_stream({});
    exchange->write(std::string(100'000, 'x'));
    exchange->on_gone([exchange] {});  // it lives until then
  };
  RunningServer server(endless);
  HttpClient client(address_of(server.port()));
  client.post_and_leave("/", "{}", 1000);
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kGone);
}

TEST(HttpClient, LeavesAtTheEndOfAShortAnswer) {
  RunningServer server(tell);
  HttpClient client(address_of(server.port()));
  client.post_and_leave("/", "{}", 1'000'000);
  EXPECT_EQ(server.wait_for_record().end, ExchangeEnd::kSent);
}

TEST(HttpClient, SaysWhatIsWrong) {
  std::uint16_t closed = 0;
  { closed = Says("").port(); }
  const auto get = [](std::uint16_t port, HttpClientOptions options = {}) {
    return http_error_of(
        [&] { HttpClient(address_of(port), options).get("/"); });
  };
  EXPECT_EQ(get(closed), "http://127.0.0.1:" + std::to_string(closed) +
                             ": cannot be reached: Connection refused");
  EXPECT_THAT(
      http_error_of([] {
        HttpClient(HttpAddress::parse("http://no-such-host.invalid:1"))
            .get("/");
      }),
      AllOf(HasSubstr("no-such-host.invalid"), HasSubstr("cannot be reached")));
  const Says silent("");
  EXPECT_THAT(get(silent.port()), HasSubstr("closed the connection"));
  const Says short_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
  EXPECT_THAT(get(short_of.port()), HasSubstr("closed the connection"));
  const Says other("220 mail ready\r\n");
  EXPECT_THAT(get(other.port()), HasSubstr("is no HTTP"));
  const Says large("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789");
  EXPECT_THAT(get(large.port(), {.body_bytes = 8}),
              HasSubstr("more than 8 bytes"));
  const Says slow("HTTP/1.1 200 OK\r\n", false);
  EXPECT_THAT(get(slow.port(), {.time_limit = std::chrono::milliseconds(50)}),
              HasSubstr("no answer within 0.05 s"));
}

TEST(HttpClient, AddressesAreHostAndPort) {
  const auto read = [](const char* url) {
    const HttpAddress address = HttpAddress::parse(url);
    return address.host + " " + address.port + " " + address.url();
  };
  EXPECT_EQ(read("http://localhost:8080"),
            "localhost 8080 http://localhost:8080");
  EXPECT_EQ(read("http://10.0.0.1/"), "10.0.0.1 80 http://10.0.0.1:80");
  EXPECT_EQ(read("http://[::1]:8080/"), "::1 8080 http://[::1]:8080");
  for (const char* bad : {"", "localhost:8080", "http://", "http://:80",
                          "http://h:", "http://h:x", "http://h:70000",
                          "http://h/v1", "http://user@h", "unix:/a"}) {
    EXPECT_THROW(HttpAddress::parse(bad), UsageError) << bad;
  }
  EXPECT_THAT(http_error_of([] { HttpAddress::parse("https://h:1"); }),
              HasSubstr("https is not spoken"));
}

}  // namespace
}  // namespace pilotfish::server
