#ifndef PILOTFISH_SERVER_API_H_
#define PILOTFISH_SERVER_API_H_

#include "server/context.h"
#include "server/exchange.h"

namespace pilotfish::server {

// The routes of docs/serving.md, but for GET /metrics. Used from the loop's
// thread alone. `context` must outlive the handler and all exchanges
// that it got; whoever destroys the handler cancels what is not at its end.
// Large requests are read on a thread of the handler's own.
Handler make_api(ServerContext& context);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_H_
