#ifndef PILOTFISH_ENGINE_SELFCHECK_CONTROLS_H_
#define PILOTFISH_ENGINE_SELFCHECK_CONTROLS_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/selfcheck/sampled_texts.h"
#include "pilotfish/acceptor.h"

namespace pilotfish {

// Few tokens can come, so that what is wrong with a rule shows.
inline constexpr const char* kControlCase = "allowed tokens";

// Speculative sampling, wrong in one way that has shipped in an engine: what a
// test must catch to be worth anything. Nothing else may use it.
struct Control {
  std::string mistake;
  std::shared_ptr<const TokenAcceptor> acceptor;
  WrapDrafter wrap = nullptr;
  std::string settings = kControlCase;  // in which it shows
};

std::vector<Control> controls();

}  // namespace pilotfish

#endif  // PILOTFISH_ENGINE_SELFCHECK_CONTROLS_H_
