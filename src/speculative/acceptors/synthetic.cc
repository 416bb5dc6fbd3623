#include <fmt/format.h>

#include "pilotfish/acceptor.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

class SyntheticAcceptor final : public TokenAcceptor {
 public:
  explicit SyntheticAcceptor(double rate) : rate_(rate) {}

  std::string_view name() const override { return "synthetic"; }
  bool lossless() const override { return false; }

  Verdict accept(const Verification& verification) const override {
    const Draft& draft = verification.draft;
    Verdict verdict;
    std::uint64_t position = verification.position;
    while (verdict.accepted < draft.size() &&
           verification.random.uniform(position, RandomRole::kAccept) < rate_) {
      verdict.tokens.push_back(draft.tokens[verdict.accepted++]);
      ++position;
    }
    verdict.tokens.push_back(verification.target[verdict.accepted].sample(
        verification.random.uniform(position, RandomRole::kTarget)));
    return verdict;
  }

 private:
  double rate_;
};

}  // namespace

std::shared_ptr<const TokenAcceptor> make_synthetic_acceptor(double rate) {
  if (!(rate >= 0 && rate <= 1)) {
    throw UsageError(fmt::format(
        "synthetic acceptance: {} is out of range; allowed is 0 to 1", rate));
  }
  return std::make_shared<SyntheticAcceptor>(rate);
}

}  // namespace pilotfish
