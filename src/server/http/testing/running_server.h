#ifndef PILOTFISH_SERVER_HTTP_TESTING_RUNNING_SERVER_H_
#define PILOTFISH_SERVER_HTTP_TESTING_RUNNING_SERVER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "server/http/server.h"

namespace pilotfish::server::testing {

// Something that happens once, on another thread.
class Moment {
 public:
  void happen() {
    const std::lock_guard lock(mutex_);
    happened_ = true;
    changed_.notify_all();
  }
  // False: it did not within a minute.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1),
                             [this] { return happened_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
};

// A server on a free port of 127.0.0.1 with a thread of its own.
class RunningServer {
 public:
  explicit RunningServer(Handler handler, HttpLimits limits = {})
      : RunningServer(options_with(limits), HttpHooks{std::move(handler)}) {}
  RunningServer(HttpOptions options, HttpHooks hooks)
      : server_(std::make_unique<HttpServer>(std::move(options),
                                             recorded(std::move(hooks)))),
        thread_([this] {
          server_->run();
          ended_.happen();
        }) {}
  ~RunningServer() {
    server_->stop();
    thread_.join();
  }

  static HttpOptions options_with(HttpLimits limits = {}) {
    HttpOptions options;
    options.port = 0;
    options.limits = limits;
    return options;
  }

  HttpServer& server() { return *server_; }
  std::uint16_t port() const { return server_->port(); }
  // It was drained, or stopped. False: not within a minute.
  bool wait_for_end() { return ended_.wait(); }

  // The next exchange that ends.
  ExchangeRecord wait_for_record() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(1),
                           [this] { return taken_ < records_.size(); })) {
      throw std::runtime_error("no exchange ended for a minute");
    }
    return records_[taken_++];
  }
  // Returns once so many connections are open.
  bool wait_for_connections(std::size_t count) {
    for (int i = 0; i < 60'000; ++i) {
      if (server_->connections() == count) return true;
      Moment turn;  // of the loop
      server_->post([&] { turn.happen(); });
      if (!turn.wait()) return false;
      std::this_thread::yield();
    }
    return false;
  }

 private:
  HttpHooks recorded(HttpHooks hooks) {
    hooks.on_end = [this](const ExchangeRecord& record) {
      const std::lock_guard lock(mutex_);
      records_.push_back(record);
      changed_.notify_all();
    };
    return hooks;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ExchangeRecord> records_;
  std::size_t taken_ = 0;
  Moment ended_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_HTTP_TESTING_RUNNING_SERVER_H_
