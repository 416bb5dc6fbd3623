#ifndef PILOTFISH_CLI_HTTP_TEXT_SERVER_H_
#define PILOTFISH_CLI_HTTP_TEXT_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "pilotfish/lab/server_check.h"
#include "server/context.h"
#include "server/http/http_client.h"

namespace pilotfish::cli {

// A pilotfish server that is reached by HTTP.
class HttpTextServer final : public TextServer {
 public:
  // `api_key_file`: its first key is sent; empty: none. Throws Error, and
  // UsageError for a URL of another form.
  HttpTextServer(const std::string& url, const std::string& api_key_file);

  // Asks what the server works with; first of all. Throws Error unless its
  // texts must be those of the model that `ours` describes.
  void meet(const server::ModelFacts& ours);

  std::string url() const { return address_.url(); }
  const std::string& model() const { return model_; }
  // Of answers under `reproducible`.
  const std::string& fingerprint() const { return fingerprint_; }
  std::string acceptor() const override { return acceptor_; }
  std::vector<std::string> drafters() const override { return drafters_; }

  std::vector<ServedText> generate(const ServedRequest& request) override;
  void abandon(const ServedRequest& request, std::int64_t bytes) override;

 private:
  using Json = nlohmann::ordered_json;
  using Call = std::function<server::HttpAnswer(server::HttpClient&)>;

  void meet_model(const server::ModelFacts& ours);
  void read_props();
  // The answer's JSON. Waits and tries again where the queue is full.
  Json ask(const std::string& what, const Call& call);
  Json get(const std::string& path);
  Json complete(const Json& body);
  // Calls with a connection that no other thread uses.
  server::HttpAnswer with_client(const Call& call);
  void check_fingerprint(const Json& answer, const std::string& acceptor) const;

  const server::HttpAddress address_;
  server::HttpClientOptions options_;
  std::string model_;
  std::string model_fingerprint_;  // ModelFacts::fingerprint
  std::string fingerprint_;
  std::string acceptor_;
  std::vector<std::string> drafters_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<server::HttpClient>> idle_;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_HTTP_TEXT_SERVER_H_
