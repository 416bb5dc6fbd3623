#ifndef PILOTFISH_SERVER_ROUTER_H_
#define PILOTFISH_SERVER_ROUTER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "server/exchange.h"

namespace pilotfish::server {

// Finds what answers a request by its path and method. What a handler throws is
// the answer, as api_error_of says; it throws nothing once it has answered.
class Router {
 public:
  // `path`: "/v1/models", or "/v1/models/" and whatever follows where it ends
  // in a '/' and has something before it.
  void add(const std::string& method, const std::string& path, Handler handler);

  // Answers 404 for an unknown path, 405 with Allow for another method. HEAD is
  // answered as GET is.
  void handle(const std::shared_ptr<Exchange>& exchange) const;

 private:
  using Methods = std::map<std::string, Handler>;

  // Null: none.
  const Methods* find(const std::string& path) const;

  std::map<std::string, Methods> routes_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_ROUTER_H_
