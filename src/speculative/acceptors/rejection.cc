#include "speculative/acceptors/acceptors.h"
#include "speculative/acceptors/rejection_rule.h"
#include "speculative/keyed_chance.h"

namespace pilotfish {
namespace {

class RejectionAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "rejection"; }
  bool lossless() const override { return true; }
  bool takes_trees() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    return verify_by_rejection(
        verification.draft, verification.target,
        KeyedChance(verification.random, verification.position));
  }
};

}  // namespace

std::shared_ptr<const TokenAcceptor> make_rejection_acceptor() {
  return std::make_shared<RejectionAcceptor>();
}

}  // namespace pilotfish
