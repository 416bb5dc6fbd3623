#ifndef PILOTFISH_SERVER_CONTEXT_H_
#define PILOTFISH_SERVER_CONTEXT_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/answers.h"
#include "pilotfish/chat_template.h"
#include "pilotfish/sampling.h"
#include "pilotfish/service.h"
#include "pilotfish/tokenizer.h"
#include "pilotfish/window.h"
#include "server/finished_request.h"

namespace pilotfish::server {

enum class ServerState {
  kLoading,   // models are being loaded
  kReady,     //
  kDraining,  // what runs comes to its end, and nothing new is taken
};

// What a model is, as clients are told.
struct ModelFacts {
  std::string id;  // its name, or --alias
  // Other names by which a request may ask for it.
  std::vector<std::string> other_ids = {};
  std::string path = {};
  std::string draft = {};    // the draft model's name; empty: none
  std::int64_t created = 0;  // when it was loaded, in seconds since 1970
  std::int64_t vocab_size = 0;
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t trained_positions = 0;
  // Tells weights and numerics apart; see system_fingerprint.
  std::string fingerprint = {};
};

// All that the routes work with. `state` may change at any time. The rest is
// complete before it becomes kReady, and does not change then; `service` and
// `tokenizer` are null until then.
struct ServerContext {
  std::atomic<ServerState> state = ServerState::kLoading;

  std::unique_ptr<Service> service = nullptr;
  std::shared_ptr<const Tokenizer> tokenizer = nullptr;
  ModelFacts model = {};
  // nullopt: the model has none, and only continues texts.
  std::optional<ChatTemplate> chat_template = std::nullopt;
  std::string chat_template_source = {};

  // What answers are held to, for the template's way of writing calls.
  const std::shared_ptr<AnswerConstraints> constraints =
      std::make_shared<AnswerConstraints>();

  // What holds for requests that do not say otherwise.
  SamplingParams sampling = {};
  std::int64_t max_tokens = -1;  // as Request::max_tokens
  // Of the engine, for what a request may ask for, and for /props.
  std::vector<std::string> drafters = {};
  std::int64_t window = kAutoWindow;
  std::int64_t tree_width = 1;

  // For a text from its submission on. It ends there with what there is.
  std::optional<std::chrono::milliseconds> time_limit = std::nullopt;
  // The most texts that one request may ask for.
  std::int64_t max_choices = 64;
  // Bytes of a stream that its reader has not taken. With more, the text waits
  // in the service, whose own bound (ServiceOptions::max_untaken) ends it.
  std::size_t max_unsent = std::size_t{1} << 20;
  std::chrono::milliseconds ping_interval = std::chrono::seconds(5);

  // Called on the loop's thread. May be empty.
  std::function<void(const FinishedRequest&)> on_finished = nullptr;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_CONTEXT_H_
