#ifndef PILOTFISH_SPECULATIVE_ACCEPTORS_COUPLED_H_
#define PILOTFISH_SPECULATIVE_ACCEPTORS_COUPLED_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pilotfish/acceptor.h"

namespace pilotfish {

// Gumbel coupling (Daliri et al. 2024, arXiv 2408.07978): the target's own draw
// at each position, with the noise that belongs to it; what was drafted only
// decides how far one pass reaches. The text is that of plain decoding with the
// same seed, token for token.
class CoupledAcceptor final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "coupled"; }
  bool lossless() const override { return true; }
  DraftNoise draft_noise() const override { return DraftNoise::kShared; }
  bool takes_trees() const override { return true; }

  Verdict accept(const Verification& verification) const override {
    const Draft& draft = verification.draft;
    Verdict verdict;
    verdict.tokens.reserve(draft.size() + 1);
    std::int32_t at = -1;  // the token accepted last
    while (true) {
      const Token drawn = gumbel_draw(
          verification.target[static_cast<size_t>(at + 1)], verification.random,
          verification.position + verdict.accepted);
      verdict.tokens.push_back(drawn);
      at = draft.child_with(at, drawn);
      if (at < 0) return verdict;
      ++verdict.accepted;
    }
  }
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_ACCEPTORS_COUPLED_H_
