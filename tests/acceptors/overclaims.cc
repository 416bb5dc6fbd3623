#include <pilotfish/acceptor.h>

namespace {

// Says that it is lossless, and keeps whatever is drafted.
class Overclaims final : public pilotfish::TokenAcceptor {
 public:
  std::string_view name() const override { return "overclaims"; }
  bool lossless() const override { return true; }
  pilotfish::Verdict accept(
      const pilotfish::Verification& verification) const override {
    const size_t drafted = verification.draft.size();
    pilotfish::Verdict verdict = {verification.draft.tokens, drafted};
    verdict.tokens.push_back(
        verification.target[drafted].sample(verification.random.uniform(
            verification.position + drafted, pilotfish::RandomRole::kTarget)));
    return verdict;
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(Overclaims)
