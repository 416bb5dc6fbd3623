#ifndef PILOTFISH_LAB_SELFCHECK_TEXT_CELLS_H_
#define PILOTFISH_LAB_SELFCHECK_TEXT_CELLS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "lab/selfcheck/target_rows.h"
#include "pilotfish/distribution.h"
#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "sampling/processors.h"

namespace pilotfish {

// How texts are sampled: everything but the seed.
struct TextRecipe {
  std::vector<Token> prompt;
  SamplingParams sampling;
  std::vector<Token> stop_tokens;
  std::int64_t max_tokens = 1;
};

// All texts of a recipe, divided into cells whose probabilities under plain
// sampling are known exactly: the target's distribution is followed along the
// most probable beginnings, as long as a cell keeps a probability of `least`.
// Rarer tokens share one cell per beginning, and the rarest of all share one.
// So this is the joint distribution of all tokens, in larger cells where it is
// thin.
class TextCells {
 public:
  // Computes at most `most_rows` rows of the target.
  TextCells(TargetRows& target, const TextRecipe& recipe, double least,
            std::size_t most_rows);

  // [cells]; they sum to 1. Cell 0 is for texts that plain sampling cannot
  // yield, so it has none.
  std::span<const double> probabilities() const { return probabilities_; }
  // The cell of a whole text.
  std::size_t cell_of(std::span<const Token> text) const;

 private:
  // A beginning that has a cell of its own, or is followed further.
  struct Node {
    double probability = 1;
    std::vector<Token> text = {};
    std::size_t cell = kImpossible;              // of a leaf
    Distribution next = {};                      // of an inner node, else empty
    std::map<Token, std::size_t> children = {};  // nodes
    std::size_t rest = kImpossible;  // cell of all other tokens of `next`
  };
  static constexpr std::size_t kImpossible = 0;
  static constexpr std::size_t kRarest = 1;

  bool is_whole(std::span<const Token> text) const;
  void grow(TargetRows& target, std::size_t most_rows);
  void follow(TargetRows& target, std::size_t node);
  void number_the_leaves();

  TextRecipe recipe_;
  double least_;
  LogitsProcessor processor_;
  std::vector<Node> nodes_;  // the empty text first
  std::vector<double> probabilities_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_TEXT_CELLS_H_
