#include "cli/interrupt.h"

#include <csignal>

namespace pilotfish::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;
struct sigaction previous_action;

void on_interrupt(int) { interrupted = 1; }

}  // namespace

InterruptFlag::InterruptFlag() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: reads must return
  ::sigaction(SIGINT, &action, &previous_action);
}

InterruptFlag::~InterruptFlag() {
  ::sigaction(SIGINT, &previous_action, nullptr);
}

bool InterruptFlag::raised() const { return interrupted != 0; }
void InterruptFlag::clear() { interrupted = 0; }

}  // namespace pilotfish::cli
