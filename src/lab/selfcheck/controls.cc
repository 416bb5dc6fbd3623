#include "lab/selfcheck/controls.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "speculative/acceptors/block.h"

namespace pilotfish {
namespace {

// The rejection rule with one mistake.
enum class Mistake {
  kNone,
  kDecisionDrawsResidual,  // decision and correction use the same number
  kDraftDecides,           // draft and decision do
  kNoResidual,             // a correction is drawn from the target as it is
  kAcceptsTooFew,          // a power of the probability that is right
};

class WrongRejection final : public TokenAcceptor {
 public:
  explicit WrongRejection(Mistake mistake) : mistake_(mistake) {}

  std::string_view name() const override { return "control"; }
  bool lossless() const override { return false; }

  Verdict accept(const Verification& v) const override {
    Verdict verdict;
    while (verdict.accepted < v.draft.size()) {
      const size_t i = verdict.accepted;
      double ratio =
          v.target[i].probability(v.draft.tokens[i]) / v.draft.proposed(i);
      if (mistake_ == Mistake::kAcceptsTooFew) ratio = std::pow(ratio, 1.05);
      if (decision(v, i) >= ratio) {
        verdict.tokens.push_back(correction(v, i));
        return verdict;
      }
      verdict.tokens.push_back(v.draft.tokens[i]);
      ++verdict.accepted;
    }
    verdict.tokens.push_back(v.target[verdict.accepted].sample(
        v.random.uniform(v.position + verdict.accepted, RandomRole::kTarget)));
    return verdict;
  }

 private:
  double decision(const Verification& v, size_t i) const {
    return v.random.uniform(v.position + i,
                            mistake_ == Mistake::kDraftDecides
                                ? RandomRole::kDraft
                                : RandomRole::kAccept,
                            static_cast<std::uint32_t>(i));
  }

  Token correction(const Verification& v, size_t i) const {
    const double u =
        mistake_ == Mistake::kDecisionDrawsResidual
            ? decision(v, i)
            : v.random.uniform(v.position + i, RandomRole::kRecovered);
    if (mistake_ == Mistake::kNoResidual) return v.target[i].sample(u);
    return with_proposal(v.draft, i, [&](const Distribution& q) {
      return residual(v.target[i], q).sample(u);
    });
  }

  Mistake mistake_;
};

// A drafter that falsifies what another one proposes.
class FalsifyingDrafter : public Drafter {
 public:
  explicit FalsifyingDrafter(std::unique_ptr<Drafter> inner)
      : inner_(std::move(inner)) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    std::vector<Draft> drafts = inner_->propose(requests);
    for (size_t i = 0; i < drafts.size(); ++i) {
      if (!drafts[i].probs.empty()) falsify(drafts[i], *requests[i].sequence);
    }
    return drafts;
  }
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override {
    inner_->commit(passes, output);
  }
  void release(SequenceKey key) override { inner_->release(key); }

 protected:
  virtual void falsify(Draft& draft, const Sequence& sequence) const = 0;

 private:
  std::unique_ptr<Drafter> inner_;
};

// Proposes the draft's most probable token and says that it was drawn from q.
// It cannot be followed by tokens that were drawn after another one.
class ArgmaxToldAsDrawn final : public FalsifyingDrafter {
 public:
  using FalsifyingDrafter::FalsifyingDrafter;

 private:
  void falsify(Draft& draft, const Sequence&) const override {
    draft.probs.resize(1);
    draft.tokens = {draft.probs[0].argmax()};
  }
};

// Draws at the request's temperature, and reports q at temperature 1.
class DraftBeforeTemperature final : public FalsifyingDrafter {
 public:
  using FalsifyingDrafter::FalsifyingDrafter;

 private:
  void falsify(Draft& draft, const Sequence& sequence) const override {
    for (Distribution& q : draft.probs) {
      std::vector<Distribution::Entry> entries(q.entries().begin(),
                                               q.entries().end());
      double mass = 0;
      for (Distribution::Entry& entry : entries) {
        entry.probability =
            std::pow(entry.probability, sequence.sampling().temperature);
        mass += entry.probability;
      }
      for (Distribution::Entry& entry : entries) entry.probability /= mass;
      q = Distribution(std::move(entries));
    }
  }
};

template <typename Type>
std::unique_ptr<Drafter> wrap_in(std::unique_ptr<Drafter> inner) {
  return std::make_unique<Type>(std::move(inner));
}

}  // namespace

std::vector<Control> controls() {
  const auto wrong = [](Mistake mistake) {
    return std::make_shared<WrongRejection>(mistake);
  };
  const std::shared_ptr<const TokenAcceptor> rejection = wrong(Mistake::kNone);
  return {
      {"argmax reported as drawn from q", rejection,
       wrap_in<ArgmaxToldAsDrawn>},
      {"q reported as before temperature", rejection,
       wrap_in<DraftBeforeTemperature>},
      {"shared noise: draft and decision", wrong(Mistake::kDraftDecides)},
      {"shared noise: decision and correction",
       wrong(Mistake::kDecisionDrawsResidual)},
      {"corrections drawn from all of p", wrong(Mistake::kNoResidual)},
      {"every draft accepted", make_synthetic_acceptor(1)},
      {"accepted with min(1, p/q)^1.05", wrong(Mistake::kAcceptsTooFew)},
  };
}

}  // namespace pilotfish
