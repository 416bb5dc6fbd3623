#include "speculative/acceptors/acceptors.h"
#include "speculative/acceptors/typical_rule.h"

namespace pilotfish {
namespace {

// Keeps what the target finds likely enough, however it was drawn: more tokens
// a pass than an exact rule, and a text that leans towards the draft's.
class TypicalAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "typical"; }
  bool lossless() const override { return false; }

  Verdict accept(const Verification& verification) const override {
    const Draft& draft = verification.draft;
    Verdict verdict;
    while (verdict.accepted < draft.size()) {
      const Distribution& p = verification.target[verdict.accepted];
      const Token x = draft.tokens[verdict.accepted];
      if (p.probability(x) <= typical_threshold(p)) break;
      verdict.tokens.push_back(x);
      ++verdict.accepted;
    }
    verdict.tokens.push_back(verification.target[verdict.accepted].sample(
        verification.random.uniform(verification.position + verdict.accepted,
                                    RandomRole::kTarget)));
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const TokenAcceptor> make_typical_acceptor() {
  return std::make_shared<TypicalAcceptor>();
}

}  // namespace pilotfish
