#ifndef PILOTFISH_TEXT_JINJA_RUNTIME_H_
#define PILOTFISH_TEXT_JINJA_RUNTIME_H_

#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "text/jinja/limits.h"
#include "text/jinja/position.h"
#include "text/jinja/scope.h"
#include "text/jinja/value.h"

namespace pilotfish::jinja {

// The local time now; tests give a fixed one.
using Clock = std::function<std::tm()>;
std::tm system_clock();

// What one render shares: where it is in the source, what it has spent, and the
// values that change, which live until it ends. Not thread-safe.
class Runtime {
 public:
  explicit Runtime(Clock clock) : clock_(std::move(clock)) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Where the next failure is to be reported.
  void at(Position position) { position_ = position; }
  Position position() const { return position_; }
  [[noreturn]] void fail(const std::string& what) const {
    fail_at(position_, what);
  }
  // Fails with what an undefined value has to say for itself.
  void refuse_undefined(const Value& value) const;

  // Fails where the render's work would exceed kMaxWork.
  void charge(size_t units);
  // Fails where a string of so many bytes is too long; to be asked before it is
  // made. Charges nothing.
  void check_size(size_t bytes) const;

  // Values whose making is charged and checked.
  Value string(std::string text, bool markup = false);
  Value sequence(SequenceKind kind, Values items);
  Value list(Values items) {
    return sequence(SequenceKind::kList, std::move(items));
  }
  Value tuple(Values items) {
    return sequence(SequenceKind::kTuple, std::move(items));
  }
  Value generator(Values items);
  Value dict(Dict dict);
  // Adds to a dictionary in the making.
  void insert(Dict& dict, Value key, Value value);
  Value undefined(std::string why);

  Namespace* make_namespace();
  Loop* make_loop(std::shared_ptr<const Values> items);
  const Macro* make_macro(Macro macro);

  std::tm now() const { return clock_(); }

 private:
  void check_nesting(size_t nesting) const;

  Clock clock_;
  Position position_;
  uint64_t work_ = 0;
  size_t text_bytes_ = 0;
  std::deque<Namespace> namespaces_;
  std::deque<Loop> loops_;
  std::deque<Macro> macros_;
};

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_RUNTIME_H_
