#include "speculative/acceptors/acceptors.h"
#include "speculative/acceptors/block_rule.h"
#include "speculative/acceptors/rejection_rule.h"
#include "speculative/keyed_chance.h"

namespace pilotfish {
namespace {

class BlockAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "block"; }
  bool lossless() const override { return true; }
  // A tree is judged token by token, also one that came out as a chain: which
  // shape it takes depends on what was drawn, and a rule chosen by that would
  // not be exact.
  bool takes_trees() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    const KeyedChance chance(verification.random, verification.position);
    return verification.draft.is_tree()
               ? verify_by_rejection(verification.draft, verification.target,
                                     chance)
               : verify_block(verification.draft, verification.target, chance);
  }
};

}  // namespace

std::shared_ptr<const TokenAcceptor> make_block_acceptor() {
  return std::make_shared<BlockAcceptor>();
}

}  // namespace pilotfish
