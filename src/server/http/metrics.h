#ifndef PILOTFISH_SERVER_HTTP_METRICS_H_
#define PILOTFISH_SERVER_HTTP_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pilotfish/service.h"
#include "server/finished_request.h"
#include "server/http/http_options.h"

namespace pilotfish::server {

// What GET /metrics tells, in Prometheus's text format. Names that begin with
// "vllm:" and "llamacpp:" are those servers' own and mean what they mean there,
// so that their dashboards work; "pilotfish_" is ours. prometheus-cpp stays in
// metrics.cc.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // The models are loaded. Before, there are the figures of HTTP alone.
  // `kv_tokens`: as many have room in the target's cache. `drafters`:
  // Engine::drafters().
  void begin(const std::string& model, std::int64_t kv_tokens,
             std::span<const std::string> drafters);
  // Requires: begun.
  void note(const FinishedRequest& request);
  void note(const ServiceStatus& status);

  void note(const ExchangeRecord& record);
  void note_connections(std::size_t open);

  std::string text() const;

 private:
  struct Http;
  struct Texts;
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_METRICS_H_
