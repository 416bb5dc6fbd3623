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

// All drafters, those first that are usually preferred to the others: what they
// guess is likelier to be right, or cheaper.
std::span<const DrafterInfo> drafter_infos();

// Throws UsageError for an unknown name, with those that there are.
const DrafterInfo& drafter_info(std::string_view name);

// Names as a user lists them in order of preference, "suffix,model"; "none" is
// the empty list. Throws UsageError for a name that is unknown or there twice.
std::vector<std::string> parse_drafters(std::string_view list);

// The drafters of a list such as parse_drafters takes, or where it is empty all
// whose input is among those given. Throws UsageError for a drafter whose input
// is missing, and for an input that no drafter of the list takes; a draft model
// may be left over.
std::vector<std::string> choose_drafters(std::string_view list,
                                         std::span<const DraftInput> given);

// Throws UsageError where a width is below 1, or above it and no drafter makes
// trees or the acceptor takes none.
void check_tree(std::int64_t tree_width, std::span<const std::string> drafters,
                const TokenAcceptor& acceptor);

// "suffix, model"; "none" for none.
std::string drafters_text(std::span<const std::string> drafters);

// Whether one of the drafters works from this. Throws as drafter_info does.
bool any_takes(std::span<const std::string> drafters, DraftInput input);

}  // namespace pilotfish

#endif  // PILOTFISH_DRAFTERS_H_
