#ifndef PILOTFISH_SERVER_TESTING_FAKE_EXCHANGE_H_
#define PILOTFISH_SERVER_TESTING_FAKE_EXCHANGE_H_

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/exchange.h"

namespace pilotfish::server::testing {

// The loop's thread, which is that of the test: what is posted runs in `run`.
class FakeLoop {
 public:
  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
    }
    changed_.notify_all();
  }

  // Runs what is posted, as it comes, until `done` says true.
  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !work_.empty(); });
        work = std::move(work_.front());
        work_.pop_front();
      }
      work();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
};

// An exchange without a network: it keeps what is written.
class FakeExchange final : public Exchange {
 public:
  FakeExchange(FakeLoop& loop, HttpRequest request)
      : Exchange(std::move(request)), loop_(loop) {}

  void respond(HttpResponse response) override {
    require(!responded && !began, "answered twice");
    head = std::move(response);
    responded = true;
  }
  void begin_stream(HttpResponse response) override {
    require(!responded && !began, "answered twice");
    written = response.body;
    head = std::move(response);
    began = true;
  }
  void write(std::string bytes) override {
    require(began && !ended, "written outside of the stream");
    written += bytes;
  }
  void end() override {
    require(began && !ended, "ended outside of the stream");
    ended = true;
  }
  std::size_t unsent() const override { return backlog; }
  void on_gone(std::function<void()> action) override {
    gone_ = std::move(action);
  }
  void post(std::function<void()> work) override {
    loop_.post(std::move(work));
  }
  void after(std::chrono::milliseconds, std::function<void()> work) override {
    timers.push_back(std::move(work));
  }

  // The client goes away.
  void leave() { std::exchange(gone_, nullptr)(); }
  // All timers' time has come.
  void fire_timers() {
    for (auto& timer : std::exchange(timers, {})) timer();
  }
  bool done() const { return responded || ended; }

  HttpResponse head;    // or the whole response
  std::string written;  // of a stream
  bool responded = false;
  bool began = false;
  bool ended = false;
  std::size_t backlog = 0;
  std::vector<std::function<void()>> timers;

 private:
  static void require(bool holds, const char* fault) {
    if (holds) return;
    std::fprintf(stderr, "FakeExchange: %s\n", fault);
    std::abort();
  }

  FakeLoop& loop_;
  std::function<void()> gone_;
};

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_FAKE_EXCHANGE_H_
