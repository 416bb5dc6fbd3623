#ifndef PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
#define PILOTFISH_LAB_SELFCHECK_CONTROLS_H_

#include <memory>
#include <string>
#include <vector>

#include "lab/selfcheck/sampled_texts.h"
#include "pilotfish/acceptor.h"

namespace pilotfish {

// Speculative sampling, wrong in one way that has shipped in an engine: what a
// test must catch to be worth anything. Nothing else may use it.
struct Control {
  std::string mistake;
  std::shared_ptr<const TokenAcceptor> acceptor;
  WrapDrafter wrap = nullptr;
  // The cases in which it may show, tried until it does: whether it does in
  // one of them depends on the models.
  std::vector<std::string> settings = {"allowed tokens", "temperature 1",
                                       "bad words", "top-k 8", "logit bias"};
};

std::vector<Control> controls();

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_CONTROLS_H_
