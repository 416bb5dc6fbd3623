#ifndef PILOTFISH_ENGINE_STOP_FILTER_H_
#define PILOTFISH_ENGINE_STOP_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

namespace pilotfish {

// Ends a text before the first stop string in it. Text that may be the
// beginning of one waits until it is known not to be.
class StopFilter {
 public:
  // Requires: no empty stop string.
  explicit StopFilter(std::vector<std::string> stops)
      : stops_(std::move(stops)) {}

  // The text that may be shown now that `text` came. Once a stop string is
  // found, what is before it, and then nothing more.
  std::string push(std::string_view text);

  // Lets `text` and what was waiting pass without a search.
  std::string pass(std::string_view text);

  // What is still waiting; empty after a stop string.
  std::string finish() { return pass({}); }

  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string waiting_;
  bool found_ = false;
};

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_STOP_FILTER_H_
