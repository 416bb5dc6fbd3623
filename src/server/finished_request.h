#ifndef PILOTFISH_SERVER_FINISHED_REQUEST_H_
#define PILOTFISH_SERVER_FINISHED_REQUEST_H_

#include <optional>
#include <string>

#include "pilotfish/engine.h"
#include "pilotfish/service.h"

namespace pilotfish::server {

// One text that a service worked on, at its end, for metrics and logs. A
// request for several (`n`, or an array of prompts) gives one each.
struct FinishedRequest {
  std::string id;     // HttpRequest::id
  std::string route;  // "/v1/completions"
  TicketEnd end = TicketEnd::kFinished;
  std::string failure = {};  // of kFailed: the message
  bool streamed = false;
  double e2e_seconds = 0;  // from submission to the end
  // The rest is not known of a request that failed.
  std::optional<FinishReason> finish_reason = std::nullopt;
  GenerationStats stats = {};  // without its `iterations`

  // Seconds for each token after the first iteration's; 0 where there is none.
  double seconds_per_token() const {
    return stats.summary.tokens > 0
               ? stats.decode_seconds /
                     static_cast<double>(stats.summary.tokens)
               : 0;
  }
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_FINISHED_REQUEST_H_
