#ifndef PILOTFISH_SERVER_LATER_EXCHANGE_H_
#define PILOTFISH_SERVER_LATER_EXCHANGE_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/exchange.h"

namespace pilotfish::server {

// Stands for an exchange while a handler reads its request on another thread
// than the loop's. What the handler answers is answered there.
class LaterExchange final : public Exchange {
 public:
  explicit LaterExchange(std::shared_ptr<Exchange> exchange)
      : Exchange(exchange->request()), exchange_(std::move(exchange)) {}

  // Runs `work` on the loop's thread, with the exchange itself.
  void go_on(std::function<void(const std::shared_ptr<Exchange>&)> work) const {
    exchange_->post(
        [exchange = exchange_, work = std::move(work)] { work(exchange); });
  }

  void respond(HttpResponse response) override {
    go_on([response = std::move(response)](const auto& exchange) {
      exchange->respond(response);
    });
  }
  void begin_stream(HttpResponse head) override {
    go_on([head = std::move(head)](const auto& exchange) {
      exchange->begin_stream(head);
    });
  }
  void write(std::string bytes) override {
    go_on([bytes = std::move(bytes)](const auto& exchange) {
      exchange->write(bytes);
    });
  }
  void end() override {
    go_on([](const auto& exchange) { exchange->end(); });
  }

  std::size_t unsent() const override { return 0; }
  void on_gone(std::function<void()> action) override {
    go_on([action = std::move(action)](const auto& exchange) {
      exchange->on_gone(action);
    });
  }
  void post(std::function<void()> work) override {
    exchange_->post(std::move(work));
  }
  void after(std::chrono::milliseconds delay,
             std::function<void()> work) override {
    go_on([delay, work = std::move(work)](const auto& exchange) {
      exchange->after(delay, work);
    });
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_LATER_EXCHANGE_H_
