#include "pilotfish/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/ticket.h"

namespace pilotfish {

using Clock = std::chrono::steady_clock;

// The engine's thread, and what comes to it from others.
class Service::Worker {
 public:
  Worker(std::unique_ptr<Engine> engine, const ServiceOptions& options);
  ~Worker();

  Ticket submit(Request request, SubmitOptions options);
  void close();
  void drain();
  void cancel_all();
  ServiceStatus status() const;
  const Engine& engine() const { return *engine_; }

 private:
  // A request between its submission and its end.
  struct Live {
    std::shared_ptr<Ticket::State> ticket;
    std::optional<Clock::time_point> deadline;
    std::optional<TicketEnd> why = std::nullopt;  // it is ended early
  };
  struct Incoming {
    Request request;
    Live live;
  };

  void run();
  // Waits until there is something to do; false: there never will be.
  bool wait();
  void accept(Incoming incoming);
  void end_early();
  void step();
  void collect();
  void note_ended(std::int64_t requests);
  void publish();

  std::unique_ptr<Engine> engine_;
  const ServiceOptions options_;
  std::map<RequestId, Live> live_;  // of the engine's thread alone

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // the engine's thread
  std::condition_variable drained_;  // nothing is left
  std::vector<Incoming> incoming_;
  std::int64_t open_ = 0;  // submitted, and not at their end
  bool cancels_ = false;   // everything
  ServiceStatus status_;

  std::thread thread_;
};

Service::Worker::Worker(std::unique_ptr<Engine> engine,
                        const ServiceOptions& options)
    : engine_(std::move(engine)),
      options_(options),
      thread_([this] { run(); }) {}

Service::Worker::~Worker() {
  cancel_all();
  thread_.join();
}

Ticket Service::Worker::submit(Request request, SubmitOptions options) {
  engine_->check(request);
  Live live;
  if (options.time_limit) live.deadline = Clock::now() + *options.time_limit;
  live.ticket =
      std::make_shared<Ticket::State>(options_.max_untaken, std::move(options));
  {
    const std::lock_guard lock(mutex_);
    if (status_.closed) throw ServiceClosed("the service is shutting down");
    const std::int64_t most = engine_->max_sequences() + options_.max_waiting;
    if (open_ >= most) {
      throw QueueFull(fmt::format(
          "{} requests run or wait, which is all there is room for", most));
    }
    ++open_;
    incoming_.push_back({std::move(request), live});
  }
  wake_.notify_one();
  return Ticket(live.ticket);
}

void Service::Worker::close() {
  {
    const std::lock_guard lock(mutex_);
    status_.closed = true;
  }
  wake_.notify_one();
}

void Service::Worker::drain() {
  close();
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [this] { return open_ == 0; });
}

void Service::Worker::cancel_all() {
  {
    const std::lock_guard lock(mutex_);
    cancels_ = true;
  }
  close();
}

ServiceStatus Service::Worker::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Service::Worker::run() {
  while (wait()) {
    end_early();
    step();
    collect();
  }
}

bool Service::Worker::wait() {
  std::vector<Incoming> incoming;
  {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] {
      return status_.closed || !incoming_.empty() || !live_.empty();
    });
    if (incoming_.empty() && live_.empty()) return false;
    incoming.swap(incoming_);
    if (cancels_) {
      for (auto& [id, live] : live_) live.ticket->cancel();
      for (const Incoming& one : incoming) one.live.ticket->cancel();
    }
  }
  for (Incoming& one : incoming) accept(std::move(one));
  return true;
}

void Service::Worker::accept(Incoming incoming) {
  Live live = std::move(incoming.live);
  try {
    const RequestId id =
        engine_->submit(std::move(incoming.request),
                        [ticket = live.ticket](const Piece& piece) {
                          return !ticket->cancelled() && ticket->add(piece);
                        });
    live_.emplace(id, live);
  } catch (...) {  // it was checked; memory may have run out
    live.ticket->finish(TicketEnd::kFailed, std::nullopt,
                        std::current_exception());
    note_ended(1);
  }
}

void Service::Worker::end_early() {
  const Clock::time_point now = Clock::now();
  for (auto& [id, live] : live_) {
    if (live.ticket->cancelled()) {
      live.why = TicketEnd::kCancelled;
    } else if (live.deadline && now >= *live.deadline) {
      live.why = TicketEnd::kTimedOut;
    }
    if (live.why) engine_->cancel(id);
  }
}

void Service::Worker::step() {
  bool failed = false;
  try {
    engine_->step();
  } catch (...) {
    failed = true;  // the requests that were in the pass have failed with it
  }
  const std::lock_guard lock(mutex_);
  ++status_.passes;
  status_.failed_passes += failed;
}

void Service::Worker::collect() {
  std::int64_t ended = 0;
  for (const RequestId id : engine_->ended()) {
    Live live = std::move(live_.extract(id).mapped());
    try {
      Generation result = engine_->take(id).value();
      TicketEnd end = live.why.value_or(TicketEnd::kFinished);
      // Cancelled by its callback, as it ran.
      if (!live.why && result.finish_reason == FinishReason::kCancelled) {
        end = live.ticket->cancelled() ? TicketEnd::kCancelled
                                       : TicketEnd::kUntaken;
      }
      live.ticket->finish(end, std::move(result));
    } catch (...) {
      live.ticket->finish(TicketEnd::kFailed, std::nullopt,
                          std::current_exception());
    }
    ++ended;
  }
  publish();  // before whoever waits for the end looks
  note_ended(ended);
}

void Service::Worker::note_ended(std::int64_t requests) {
  if (requests == 0) return;
  const std::lock_guard lock(mutex_);
  open_ -= requests;
  if (open_ == 0) drained_.notify_all();
}

void Service::Worker::publish() {
  const EngineStatus status = engine_->status();
  const std::lock_guard lock(mutex_);
  status_.engine = status;
}

Service::Service(std::unique_ptr<Engine> engine, const ServiceOptions& options)
    : worker_(std::make_unique<Worker>(std::move(engine), options)) {}

Service::~Service() = default;

Ticket Service::submit(Request request, SubmitOptions options) {
  return worker_->submit(std::move(request), std::move(options));
}

void Service::close() { worker_->close(); }
void Service::drain() { worker_->drain(); }
void Service::cancel_all() { worker_->cancel_all(); }
ServiceStatus Service::status() const { return worker_->status(); }
const Engine& Service::engine() const { return worker_->engine(); }

}  // namespace pilotfish
