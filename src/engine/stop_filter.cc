#include "engine/stop_filter.h"

#include <algorithm>
#include <utility>

namespace pilotfish {
namespace {

// How long a proper prefix of `stop` the text ends with.
size_t begun(std::string_view text, std::string_view stop) {
  size_t length = std::min(text.size(), stop.size() - 1);
  while (!text.ends_with(stop.substr(0, length))) --length;
  return length;
}

}  // namespace

std::string StopFilter::push(std::string_view text) {
  if (found_) return {};
  waiting_ += text;
  size_t end = std::string::npos;
  size_t held = 0;
  for (const std::string& stop : stops_) {
    end = std::min(end, waiting_.find(stop));
    held = std::max(held, begun(waiting_, stop));
  }
  found_ = end != std::string::npos;
  std::string shown = waiting_.substr(0, found_ ? end : waiting_.size() - held);
  waiting_.erase(0, found_ ? waiting_.size() : shown.size());
  return shown;
}

std::string StopFilter::pass(std::string_view text) {
  if (found_) return {};
  return std::exchange(waiting_, {}).append(text);
}

}  // namespace pilotfish
