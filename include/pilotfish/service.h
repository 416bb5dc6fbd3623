#ifndef PILOTFISH_SERVICE_H_
#define PILOTFISH_SERVICE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"

namespace pilotfish {

struct ServiceOptions {
  // Requests that wait for a place, beside those that run; `submit` refuses
  // more.
  std::int64_t max_waiting = 256;
  // Pieces of one request that nobody has taken: with more it is cancelled, so
  // that a reader that stays away holds no memory.
  std::size_t max_untaken = 4096;
};

// Thrown by Service::submit where the queue is full. Later it may not be.
class QueueFull : public Error {
 public:
  using Error::Error;
};

// Thrown by Service::submit where the service takes no more requests.
class ServiceClosed : public Error {
 public:
  using Error::Error;
};

// A piece of a text, as Engine's Piece, that owns what it holds.
struct TextPiece {
  std::string text;
  Token token = -1;  // -1: text that was held back, no new token
  Origin origin = Origin::kBonus;
  std::optional<TokenLogprobs> logprobs = std::nullopt;    // if asked for
  std::vector<TokenLogprobs> prompt_logprobs = {};         // as Piece's
  std::optional<IterationStats> iteration = std::nullopt;  // as Piece's
};

enum class TicketEnd {
  kFinished,   // the text came to its end
  kFailed,     // `result` throws what went wrong
  kCancelled,  // by `cancel`, or by the service's end
  kTimedOut,   // its time limit passed
  kUntaken,    // nobody took its pieces
};

struct SubmitOptions {
  // Whether pieces are kept until they are taken. Without, there is only the
  // result.
  bool streams = true;
  // From submission, waiting included. Where it passes, the text ends with what
  // there is.
  std::optional<std::chrono::milliseconds> time_limit = std::nullopt;
  // Called when there is something to take and everything before has been
  // taken, and at the end: on the service's thread, which waits meanwhile. It
  // must not throw, block, or call the service or a ticket; it is for waking
  // whoever does.
  std::function<void()> on_ready = nullptr;
};

// A request that a service works on. Any one thread at a time may use it; it
// may outlive its service. Its destruction cancels what is not at its end.
class Ticket {
 public:
  class State;  // shared with the service
  explicit Ticket(std::shared_ptr<State> state);
  ~Ticket();
  Ticket(Ticket&&) noexcept;
  Ticket& operator=(Ticket&&) noexcept;

  // The pieces that have come since the last call. Does not wait.
  std::vector<TextPiece> take();
  // The same; waits until there is one, or the end has come.
  std::vector<TextPiece> wait();
  // nullopt: it waits or runs. Pieces may still be there to be taken.
  std::optional<TicketEnd> end() const;
  // Ends it soon, with what it has. No effect at its end.
  void cancel();
  // Waits for the end. Throws what the request failed with. Of a request that
  // was cancelled, what there is. Requires: called once.
  Generation result();

 private:
  std::shared_ptr<State> state_;
};

struct ServiceStatus {
  EngineStatus engine;  // after the latest pass
  bool closed = false;  // takes no more requests
  // Since the start.
  std::int64_t passes = 0;
  std::int64_t failed_passes = 0;
};

// An engine that any number of threads use at once: it has a thread of its own,
// which steps the engine while there is something to do. All functions may be
// called from any thread.
//
// A text that is greedy, or whose acceptor is coupled, does not depend on what
// else the service does: not on neighbours, on those that are cancelled, or on
// when they come. Others have the target's distribution, whatever it does.
class Service {
 public:
  explicit Service(std::unique_ptr<Engine> engine,
                   const ServiceOptions& options = {});
  // Cancels what is left.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Throws UsageError for a request that cannot run (Engine::submit),
  // QueueFull, ServiceClosed.
  Ticket submit(Request request, SubmitOptions options = {});

  // Takes no more requests.
  void close();
  // Closes, and waits until all requests have come to their end.
  void drain();
  // Closes, and cancels all requests.
  void cancel_all();

  ServiceStatus status() const;
  // For what does not change: n_positions, acceptor, kv_cache_bytes.
  const Engine& engine() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SERVICE_H_
