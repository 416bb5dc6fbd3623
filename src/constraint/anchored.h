#ifndef PILOTFISH_CONSTRAINT_ANCHORED_H_
#define PILOTFISH_CONSTRAINT_ANCHORED_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "constraint/grammar.h"

namespace pilotfish {

// What a part of a regular expression matches, where anchors make that depend
// on what stands around it: a set of texts for each combination of "nothing may
// stand before it" and "nothing may stand behind it".
struct Anchored {
  static constexpr std::size_t kNothingBefore = 1;
  static constexpr std::size_t kNothingBehind = 2;
  static constexpr std::size_t kCombinations = 4;

  struct Texts {
    Grammar::Expr expr = 0;     // Grammar::nothing()
    bool may_be_empty = false;  // whether the empty text is one of them
  };
  std::array<Texts, kCombinations> texts;  // [combination of the bits above]

  // Whether it matches the same wherever it stands.
  bool is_plain() const;
};

// Puts parts together; their expressions are in one grammar.
class AnchoredParts {
 public:
  explicit AnchoredParts(Grammar& grammar) : grammar_(grammar) {}

  Anchored empty() const;
  // Requires an expression without the empty text.
  Anchored plain(Grammar::Expr expr) const;
  Anchored text_begin() const;
  Anchored text_end() const;

  Anchored sequence(std::span<const Anchored> parts) const;
  Anchored choice(std::span<const Anchored> parts) const;
  // `max` may be Grammar::kUnlimited.
  Anchored repeat(const Anchored& part, std::int64_t min,
                  std::int64_t max) const;

  // The texts that match as a whole.
  Grammar::Expr whole(const Anchored& part) const;
  // The texts in which something matches.
  Grammar::Expr anywhere(const Anchored& part) const;

 private:
  using Texts = Anchored::Texts;

  Texts sequence(const Texts& left, const Texts& right) const;
  Texts choice(std::span<const Texts> all) const;
  Texts repeat(const Texts& part, std::int64_t min, std::int64_t max) const;
  Anchored join(const Anchored& left, const Anchored& right) const;

  Grammar& grammar_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_CONSTRAINT_ANCHORED_H_
