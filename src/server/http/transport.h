#ifndef PILOTFISH_SERVER_HTTP_TRANSPORT_H_
#define PILOTFISH_SERVER_HTTP_TRANSPORT_H_

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace pilotfish::server {

// TCP and Unix sockets alike.
using StreamSocket = boost::asio::generic::stream_protocol::socket;

// Bytes to and from one client, encrypted or not. At most one read and one
// write go on at the same time. Whoever waits for something keeps the transport
// alive until it is told.
class Transport {
 public:
  using Done =
      std::function<void(boost::system::error_code error, std::size_t bytes)>;

  virtual ~Transport() = default;

  virtual void handshake(Done done) = 0;
  // As much as there is, and as much as goes out at once; at least one byte.
  virtual void read(char* data, std::size_t size, Done done) = 0;
  virtual void write(const char* data, std::size_t size, Done done) = 0;
  // Tells the client that nothing more will come, and `done` when the client
  // has heard of it. Reading goes on.
  virtual void finish(Done done) = 0;
  // The same, where the client is still sending.
  virtual void finish_early(Done done) = 0;
  // What goes on ends with an error.
  virtual void close() = 0;
};

std::unique_ptr<Transport> make_plain_transport(StreamSocket socket);
std::unique_ptr<Transport> make_tls_transport(
    StreamSocket socket, boost::asio::ssl::context& context);

// Throws UsageError for files that cannot be read, are no PEM or do not belong
// together.
std::unique_ptr<boost::asio::ssl::context> make_tls_context(
    const std::string& certificates, const std::string& key);

// Small pieces go out at once, and peers that vanish are noticed: after
// `to_read` where they owe an acknowledgement, else after two minutes or so.
void tune_tcp(StreamSocket& socket, std::chrono::milliseconds to_read);

// The client's address, as in "127.0.0.1:4711".
std::string peer_name(const StreamSocket& socket);

// Of an address as the system calls hold it.
std::string address_text(const StreamSocket::endpoint_type& endpoint);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_TRANSPORT_H_
