#include "speculative/acceptors.h"
#include "speculative/block_rule.h"
#include "speculative/keyed_chance.h"

namespace pilotfish {
namespace {

class BlockAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "block"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    return verify_block(
        verification.draft, verification.target,
        KeyedChance(verification.random, verification.position));
  }
};

}  // namespace

std::shared_ptr<const TokenAcceptor> make_block_acceptor() {
  return std::make_shared<BlockAcceptor>();
}

}  // namespace pilotfish
