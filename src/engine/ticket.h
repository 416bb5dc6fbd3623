#ifndef PILOTFISH_ENGINE_TICKET_H_
#define PILOTFISH_ENGINE_TICKET_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "pilotfish/service.h"

namespace pilotfish {

// What a ticket and the service's thread share. Both may use it at any time.
class Ticket::State {
 public:
  State(std::size_t max_untaken, SubmitOptions options)
      : max_untaken_(max_untaken), options_(std::move(options)) {}

  // For the service's thread.

  // False: too many are untaken.
  bool add(const Piece& piece);
  // `failure`: of kFailed.
  void finish(TicketEnd end, std::optional<Generation> result,
              std::exception_ptr failure = nullptr);
  bool cancelled() const { return cancelled_; }

  // For the ticket.

  std::vector<TextPiece> take();
  std::vector<TextPiece> wait();
  std::optional<TicketEnd> end() const;
  Generation result();
  void cancel() { cancelled_ = true; }

 private:
  const std::size_t max_untaken_;
  const SubmitOptions options_;
  std::atomic<bool> cancelled_ = false;

  // Wakes who waits, and whoever `on_ready` stands for.
  void notify();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TextPiece> pieces_;
  std::optional<TicketEnd> end_;
  std::optional<Generation> result_;
  std::exception_ptr failure_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_TICKET_H_
