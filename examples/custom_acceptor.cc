// An acceptance rule of your own. It needs only the public headers and links
// nothing. Compile it as a shared library and give its path to --acceptor:
//
//   g++ -std=c++20 -shared -fPIC -Iinclude examples/custom_acceptor.cc -o my.so
//   pilotfish generate --acceptor ./my.so -p "Once upon a time"
//
// With an installed pilotfish, $(pkg-config --cflags pilotfish) replaces
// -Iinclude.

#include <pilotfish/acceptor.h>

#include <cstdint>

namespace {

// Keeps a drafted token where the target itself gives it a fair chance, and is
// the target's most probable one or at least half as probable. Saves work where
// any good continuation will do; not the target's distribution, and says so.
class LikelyEnough final : public pilotfish::TokenAcceptor {
 public:
  std::string_view name() const override { return "likely-enough"; }
  bool lossless() const override { return false; }

  pilotfish::Verdict accept(
      const pilotfish::Verification& verification) const override {
    const pilotfish::Draft& draft = verification.draft;
    pilotfish::Verdict verdict;
    while (verdict.accepted < draft.size()) {
      const pilotfish::Token token = draft.tokens[verdict.accepted];
      const pilotfish::Distribution& p = verification.target[verdict.accepted];
      if (p.probability(token) < 0.5 * p.probability(p.argmax())) break;
      verdict.tokens.push_back(token);
      ++verdict.accepted;
    }
    // One more token always follows: drawn from the target, with the random
    // number that belongs to its position.
    const std::uint64_t position = verification.position + verdict.accepted;
    verdict.tokens.push_back(verification.target[verdict.accepted].sample(
        verification.random.uniform(position, pilotfish::RandomRole::kTarget)));
    return verdict;
  }
};

}  // namespace

PILOTFISH_EXPORT_ACCEPTOR(LikelyEnough)
