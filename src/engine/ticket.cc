#include "engine/ticket.h"

#include <utility>

namespace pilotfish {

bool Ticket::State::add(const Piece& piece) {
  if (!options_.streams) return true;
  {
    const std::lock_guard lock(mutex_);
    if (pieces_.size() >= max_untaken_) return false;
    TextPiece& copy =
        pieces_.emplace_back(TextPiece{.text = std::string(piece.text),
                                       .token = piece.token,
                                       .origin = piece.origin});
    if (piece.logprobs != nullptr) copy.logprobs = *piece.logprobs;
    copy.prompt_logprobs.assign(piece.prompt_logprobs.begin(),
                                piece.prompt_logprobs.end());
    if (piece.iteration != nullptr) copy.iteration = *piece.iteration;
    if (pieces_.size() > 1) return true;  // whoever takes them knows
  }
  notify();
  return true;
}

void Ticket::State::finish(TicketEnd end, std::optional<Generation> result,
                           std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    end_ = end;
    result_ = std::move(result);
    failure_ = std::move(failure);
  }
  notify();
}

void Ticket::State::notify() {
  changed_.notify_all();
  if (options_.on_ready) options_.on_ready();
}

std::vector<TextPiece> Ticket::State::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(pieces_, {});
}

std::vector<TextPiece> Ticket::State::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_ || !pieces_.empty(); });
  return std::exchange(pieces_, {});
}

std::optional<TicketEnd> Ticket::State::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

Generation Ticket::State::result() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_.has_value(); });
  if (failure_) std::rethrow_exception(failure_);
  return std::exchange(result_, std::nullopt).value();
}

Ticket::Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}

Ticket::~Ticket() {
  if (state_ != nullptr) state_->cancel();
}

Ticket::Ticket(Ticket&&) noexcept = default;

Ticket& Ticket::operator=(Ticket&& other) noexcept {
  if (state_ != nullptr && this != &other) state_->cancel();
  state_ = std::move(other.state_);
  return *this;
}

std::vector<TextPiece> Ticket::take() { return state_->take(); }
std::vector<TextPiece> Ticket::wait() { return state_->wait(); }
std::optional<TicketEnd> Ticket::end() const { return state_->end(); }
void Ticket::cancel() { state_->cancel(); }
Generation Ticket::result() { return state_->result(); }

}  // namespace pilotfish
