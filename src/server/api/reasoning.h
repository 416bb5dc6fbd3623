#ifndef PILOTFISH_SERVER_API_REASONING_H_
#define PILOTFISH_SERVER_API_REASONING_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace pilotfish::server {

// Parts of an answer.
struct Spoken {
  std::string reasoning;
  std::string content;
};

// Takes what a model thinks, between <think> and </think> at the beginning of
// its answer, apart from what it says. White space around either is dropped.
// However the text is cut into pieces, the parts add up to the same.
class ReasoningSplitter {
 public:
  // `opened`: the prompt ends with <think>. `enabled`: else all is content.
  ReasoningSplitter(bool enabled, bool opened)
      : state_(!enabled ? State::kContent
               : opened ? State::kOpened
                        : State::kBefore) {}

  // The parts that are certain by now.
  Spoken push(std::string_view text);
  // What was held back.
  Spoken finish();

  // Bytes of the text up to </think>, once that has come; 0: it has not.
  std::size_t reasoning_end() const { return reasoning_end_; }
  bool is_thinking() const {
    return state_ == State::kOpened || state_ == State::kThinking;
  }

 private:
  enum class State {
    kBefore,    // <think> may come
    kOpened,    // thinking, and nothing but white space so far
    kThinking,  // until </think>
    kClosed,    // nothing but white space since
    kContent,
  };

  // Each takes what it can off `held_`; false: more text is needed.
  bool step(Spoken& spoken);
  bool begin();
  bool think(Spoken& spoken);

  State state_;
  std::string held_;
  std::size_t seen_ = 0;  // bytes pushed
  std::size_t reasoning_end_ = 0;
};

// Whether a prompt leaves its answer inside <think>.
bool opens_reasoning(std::string_view prompt);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_REASONING_H_
