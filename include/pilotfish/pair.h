#ifndef PILOTFISH_PAIR_H_
#define PILOTFISH_PAIR_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/chat_template.h"
#include "pilotfish/model.h"
#include "pilotfish/token.h"
#include "pilotfish/tokenizer.h"

// Opening what one generates with, a target and its draft, and turning texts
// into what requests to them take: all that front ends have in common.
namespace pilotfish {

enum class PairPart { kTarget, kDraft };

struct OpenPairOptions {
  std::filesystem::path target;
  std::filesystem::path draft = {};  // empty: none
  // Of both; dtype, layers and ranks of the target alone. `progress` is not
  // used.
  LoadOptions load = {};
  std::optional<DType> draft_dtype = std::nullopt;  // nullopt: as stored
  std::int64_t draft_layers = 0;  // only the first ones; 0: all
  int draft_ranks = 0;            // LoadOptions::ranks
  // Called with the fraction done while weights are copied; may be empty.
  std::function<void(PairPart, double)> progress = {};
};

struct Pair {
  std::shared_ptr<Model> target;
  std::shared_ptr<Model> draft;                // null: none
  std::shared_ptr<const Tokenizer> tokenizer;  // null: the target has none

  // The tokenizer. Throws UsageError where there is none; `need` says what asks
  // for it.
  const Tokenizer& text(std::string_view need) const;
};

// Throws as Model::load does, and UsageError for a draft whose tokenizer is not
// the target's, or that cannot be compared (one of them has no tokenizer) and
// has another number of tokens.
Pair open_pair(const OpenPairOptions& options);

// The pair that comes with pilotfish.
inline constexpr std::string_view kShippedTarget = "pilotfish-stories";
inline constexpr std::string_view kShippedDraft = "pilotfish-stories-draft";
// Where a model that comes with pilotfish lies: beside the program that runs,
// as it is installed or built, or under the working directory. nullopt:
// nowhere.
std::optional<std::filesystem::path> shipped_model(std::string_view name);

// Text as it is, without BOS, special tokens read as plain text: what a corpus
// or a prediction is made of.
std::vector<Token> plain_tokens(const Tokenizer& tokenizer,
                                std::string_view text);
// The ways in which `text` is usually split into tokens, for
// SamplingParams::bad_words: at the start of a line, after a space, and inside
// a line. Throws UsageError for an empty text.
std::vector<std::vector<Token>> usual_tokens(const Tokenizer& tokenizer,
                                             const std::string& text);
// `text` as a prompt; an empty one is BOS alone. Throws UsageError for an empty
// one where the model has no BOS.
std::vector<Token> prompt_tokens(const Pair& pair, std::string_view text);

// The chat template in `source`, or where that is empty the target's own.
// Throws UsageError where there is none.
ChatTemplate chat_template_of(const Pair& pair, std::string_view source = {});

// Positions that a sequence with a prompt and a text of such lengths needs, at
// most what the target was made for. `max_tokens` below 0: as many as it can
// have.
std::int64_t positions_needed(const Pair& pair, std::int64_t prompt_tokens,
                              std::int64_t max_tokens);

}  // namespace pilotfish

#endif  // PILOTFISH_PAIR_H_
