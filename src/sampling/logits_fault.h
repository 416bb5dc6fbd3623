#ifndef PILOTFISH_SAMPLING_LOGITS_FAULT_H_
#define PILOTFISH_SAMPLING_LOGITS_FAULT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pilotfish {

// Says in a few words what keeps a model's row of logits from being a
// distribution: "2 of 512 logits are NaN or infinite, first that of token 7
// (nan)". Empty where nothing does. A logit of -infinity is a token that cannot
// come, and a fault only where there is nothing else.
std::string logits_fault(std::span<const float> logits);

// Why no token could be drawn from a row.
struct RowFault {
  // The model's row itself is at fault; else the sampling parameters leave no
  // token.
  bool is_models = false;
  std::string text;
};

// The message of a row that was to give the token at `position`. `model`:
// "target" or "draft".
std::string fault_message(std::string_view model, std::int64_t position,
                          const RowFault& fault);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_LOGITS_FAULT_H_
