#include "server/api/reasoning.h"

#include <algorithm>

namespace pilotfish::server {
namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";
constexpr std::string_view kSpace = " \t\r\n";

// How many of a text's last bytes may be the beginning of `tag`, and no more
// of it.
std::size_t tail_that_begins(std::string_view text, std::string_view tag) {
  for (std::size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n) {
    if (text.ends_with(tag.substr(0, n))) return n;
  }
  return 0;
}

// Drops white space in front; false: there is nothing else.
bool drop_space(std::string& text) {
  text.erase(0, std::min(text.find_first_not_of(kSpace), text.size()));
  return !text.empty();
}

}  // namespace

Spoken ReasoningSplitter::push(std::string_view text) {
  Spoken spoken;
  seen_ += text.size();
  held_ += text;
  while (!held_.empty() && step(spoken)) {
  }
  return spoken;
}

bool ReasoningSplitter::step(Spoken& spoken) {
  switch (state_) {
    case State::kBefore:
      return begin();
    case State::kOpened:
      if (!drop_space(held_)) return false;
      state_ = State::kThinking;
      return true;
    case State::kThinking:
      return think(spoken);
    case State::kClosed:
      if (!drop_space(held_)) return false;
      state_ = State::kContent;
      return true;
    case State::kContent:
      spoken.content += held_;
      held_.clear();
      return false;
  }
  return false;
}

bool ReasoningSplitter::begin() {
  const std::size_t first = held_.find_first_not_of(kSpace);
  if (first == std::string::npos) return false;
  const std::string_view rest = std::string_view(held_).substr(first);
  if (rest.starts_with(kOpen)) {
    held_.erase(0, first + kOpen.size());
    state_ = State::kOpened;
    return true;
  }
  if (kOpen.starts_with(rest)) return false;
  state_ = State::kContent;
  return true;
}

bool ReasoningSplitter::think(Spoken& spoken) {
  const std::size_t close = held_.find(kClose);
  const bool closes = close != std::string::npos;
  std::size_t certain =
      closes ? close : held_.size() - tail_that_begins(held_, kClose);
  // White space may be the last before the tag.
  while (certain > 0 && kSpace.find(held_[certain - 1]) != kSpace.npos) {
    --certain;
  }
  spoken.reasoning.append(held_, 0, certain);
  if (!closes) {
    held_.erase(0, certain);
    return false;
  }
  held_.erase(0, close + kClose.size());
  reasoning_end_ = seen_ - held_.size();
  state_ = State::kClosed;
  return true;
}

Spoken ReasoningSplitter::finish() {
  Spoken spoken;
  if (state_ == State::kThinking) {
    spoken.reasoning = held_;
  } else if (state_ == State::kBefore || state_ == State::kContent) {
    spoken.content = held_;
  }
  held_.clear();
  return spoken;
}

bool opens_reasoning(std::string_view prompt) {
  const std::size_t last = prompt.find_last_not_of(kSpace);
  return last != std::string_view::npos &&
         prompt.substr(0, last + 1).ends_with(kOpen);
}

}  // namespace pilotfish::server
