#include "constraint/effort.h"

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

thread_local std::int64_t* steps_left = nullptr;  // of the outermost Effort

}  // namespace

Effort::Effort(std::int64_t most)
    : most_(most), left_(most), is_outermost_(steps_left == nullptr) {
  if (is_outermost_) steps_left = &left_;
}

Effort::~Effort() {
  if (is_outermost_) steps_left = nullptr;
}

void Effort::spend(std::int64_t steps) {
  if (steps_left == nullptr) return;
  *steps_left -= steps;
  if (*steps_left < 0) {
    throw UsageError(
        "the constraint is too large: it would take too long to compile");
  }
}

}  // namespace pilotfish
