#ifndef PILOTFISH_SERVER_HTTP_LISTENER_H_
#define PILOTFISH_SERVER_HTTP_LISTENER_H_

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/http/transport.h"

namespace pilotfish::server {

// One address that is listened on.
class Listener {
 public:
  using Accepted = std::function<void(StreamSocket socket)>;

  // Throws boost::system::system_error.
  Listener(boost::asio::io_context& context,
           const StreamSocket::endpoint_type& endpoint);
  // A Unix socket's file goes with it.
  ~Listener();

  StreamSocket::endpoint_type endpoint() const;
  // Gives each new client. `short_of` is called where there are no more files
  // or no memory for one: it may make room.
  void start(Accepted accepted, std::function<void()> short_of);

  std::filesystem::path file = {};  // of a Unix socket

 private:
  void accept();

  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>
      acceptor_;
  boost::asio::steady_timer pause_;
  Accepted accepted_;
  std::function<void()> short_of_;
  // Handlers that are under way when this ends look for it.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

using Listeners = std::vector<std::unique_ptr<Listener>>;

// Listens on all addresses of all hosts, on one port: with 0, one that is free
// on all of them. Throws UsageError.
Listeners listen_on_hosts(boost::asio::io_context& context,
                          const std::vector<std::string>& hosts,
                          std::uint16_t port);
// Removes what a server that died has left under the name. Throws UsageError
// where it is something else, or in use.
std::unique_ptr<Listener> listen_on_file(boost::asio::io_context& context,
                                         const std::filesystem::path& file);

std::uint16_t port_of(const StreamSocket::endpoint_type& endpoint);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_LISTENER_H_
