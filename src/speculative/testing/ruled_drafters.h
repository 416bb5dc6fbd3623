#ifndef PILOTFISH_SPECULATIVE_TESTING_RULED_DRAFTERS_H_
#define PILOTFISH_SPECULATIVE_TESTING_RULED_DRAFTERS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "speculative/drafters/grammar_drafter.h"
#include "speculative/drafters/ngram_drafter.h"
#include "speculative/drafters/prediction_drafter.h"
#include "speculative/drafters/preference_drafter.h"
#include "speculative/drafters/suffix_drafter.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/testing/toy.h"

namespace pilotfish::test {

// A drafter of texts that keep to a rule, by name. "unruled" knows nothing of
// the rule, "all" prefers the grammar, then suffixes, then the model.
inline std::unique_ptr<Drafter> ruled_drafter(const std::string& name,
                                              Scorer& draft, const Toy& toy) {
  if (name == "model")
    return std::make_unique<ModelDrafter>(draft, toy.target.vocab_size());
  if (name == "tree")
    return std::make_unique<TreeDrafter>(draft, toy.target.vocab_size(), 3);
  if (name == "ngram") return std::make_unique<NgramDrafter>();
  if (name == "prediction") return std::make_unique<PredictionDrafter>();
  if (name == "suffix") return std::make_unique<SuffixDrafter>(nullptr);
  if (name == "grammar") return std::make_unique<GrammarDrafter>();
  if (name == "unruled") return std::make_unique<ArgmaxDrafter>(toy.draft);
  std::vector<std::unique_ptr<Drafter>> all;
  for (const char* one : {"grammar", "suffix", "model"}) {
    all.push_back(ruled_drafter(one, draft, toy));
  }
  return std::make_unique<PreferenceDrafter>(std::move(all));
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_RULED_DRAFTERS_H_
