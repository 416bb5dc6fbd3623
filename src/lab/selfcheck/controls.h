#ifndef PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
#define PILOTFISH_LAB_SELFCHECK_CONTROLS_H_

#include <memory>
#include <string>
#include <vector>

#include "lab/selfcheck/sampled_texts.h"
#include "pilotfish/acceptor.h"

namespace pilotfish {

// An acceptance rule, or a way of drafting, that is wrong in one way. Most have
// shipped in some engine; one errs only a little. The tests must catch them all
// to be worth anything. Nothing else may use them.
struct Control {
  std::string mistake;
  std::shared_ptr<const TokenAcceptor> acceptor;
  WrapDrafter wrap = nullptr;
};

std::vector<Control> controls();

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
