#ifndef PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
#define PILOTFISH_LAB_SELFCHECK_CONTROLS_H_

#include <memory>
#include <string>
#include <vector>

#include "lab/selfcheck/sampled_texts.h"
#include "pilotfish/acceptor.h"

namespace pilotfish {

// Speculative sampling that is wrong in one way: most have shipped in an
// engine, one errs by a little. A test must catch them to be worth anything.
// Nothing else may use them.
struct Control {
  std::string mistake;
  std::shared_ptr<const TokenAcceptor> acceptor;
  WrapDrafter wrap = nullptr;
};

std::vector<Control> controls();

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
