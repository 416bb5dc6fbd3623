#ifndef PILOTFISH_DRAFTERS_H_
#define PILOTFISH_DRAFTERS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/acceptor.h"

// What guesses how a text goes on. Every drafter is lossless with a lossless
// acceptor; they are known by name, as acceptors are.
namespace pilotfish {

// What a drafter works from, beside the target and the text so far.
enum class DraftInput {
  kNone,
  kDraftModel,
  kConstraint,  // Request::constraint
  kPrediction,  // Request::prediction
  kCorpus,      // EngineOptions::corpus
  kLayers,      // EngineOptions::skip_layers
};

struct DrafterInfo {
  std::string_view name;  // "suffix"
  std::string_view help;  // what it guesses from, in a few words
  DraftInput input = DraftInput::kNone;
  bool needs_input = false;  // else it can do without
  bool makes_trees = false;  // where EngineOptions::tree_width is above 1
};

// All drafters, in the order in which they are usually preferred: first those
// whose guesses are most often right, or cheapest.
std::span<const DrafterInfo> drafter_infos();

// Throws UsageError for an unknown name, with a list of the known ones.
const DrafterInfo& drafter_info(std::string_view name);

// Names as a user lists them in order of preference, "suffix,model"; "none" is
// the empty list. Throws UsageError for a name that is unknown or listed twice.
std::vector<std::string> parse_drafters(std::string_view list);

// The drafters in a list in the form that parse_drafters takes or, where the
// list is empty, all whose input is given. Throws UsageError for a drafter
// whose input is missing, and for an input that no drafter in the list takes; a
// draft model and a constraint may be unused.
std::vector<std::string> choose_drafters(std::string_view list,
                                         std::span<const DraftInput> given);

// Throws UsageError for a width below 1, and for one above 1 where no drafter
// makes trees or the acceptor does not take them.
void check_tree(std::int64_t tree_width, std::span<const std::string> drafters,
                const TokenAcceptor& acceptor);

// "suffix, model"; "none" for none.
std::string drafters_text(std::span<const std::string> drafters);

// Whether one of the drafters works from this. Throws as drafter_info does.
bool any_takes(std::span<const std::string> drafters, DraftInput input);

}  // namespace pilotfish

#endif  // PILOTFISH_DRAFTERS_H_
