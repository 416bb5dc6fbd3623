#ifndef PILOTFISH_SAMPLING_H_
#define PILOTFISH_SAMPLING_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// How a row of logits becomes the distribution that a token is drawn from. The
// steps apply in the order of the fields, to the target and to the draft alike,
// at every position of a window with the tokens drafted before it counted.
struct SamplingParams {
  // Where there are any, nothing else is generated.
  std::vector<Token> allowed_tokens = {};
  std::vector<Token> banned_tokens = {};
  // Sequences of tokens that must not come about: the last token of each is
  // banned wherever the others come just before it, in the prompt also.
  std::vector<std::vector<Token>> bad_words = {};

  // Added to the logits. -infinity bans a token.
  std::map<Token, float> logit_bias = {};

  // Keskar et al. 2019, arXiv 1909.05858: a positive logit of a token that
  // occurred (prompt included) is divided by it, a negative one multiplied.
  // 1: off.
  double repetition_penalty = 1;
  // OpenAI's: subtracted once for each time a token was generated, and once if
  // it was at all. The prompt does not count. 0: off.
  double frequency_penalty = 0;
  double presence_penalty = 0;
  // How many of the latest tokens the penalties look at; -1: all, 0: none,
  // which turns the penalties off.
  std::int64_t penalty_window = -1;

  // The stop tokens cannot come before so many tokens are generated.
  std::int64_t min_tokens = 0;

  // 0: greedy, the token of the largest logit (the smallest id among equals);
  // the truncations below do not change it.
  double temperature = 0;
  std::int64_t top_k = 0;  // keep the k most probable; 0: off
  // Locally typical sampling, Meister et al. 2022, arXiv 2202.00666. 1: off.
  double typical_p = 1;
  // Nucleus sampling, Holtzman et al. 2019, arXiv 1904.09751: the fewest tokens
  // whose probabilities reach p. 1: off.
  double top_p = 1;
  // Keep what is at least this share of the most probable one's (Nguyen et al.
  // 2024, arXiv 2407.01082). 0: off.
  double min_p = 0;

  std::uint64_t seed = 0;
};

// Where a parameter's value lies, which also says of what type it is.
using SamplingMember =
    std::variant<double SamplingParams::*, std::int64_t SamplingParams::*,
                 std::uint64_t SamplingParams::*,
                 std::vector<Token> SamplingParams::*,
                 std::vector<std::vector<Token>> SamplingParams::*,
                 std::map<Token, float> SamplingParams::*>;

// The numbers that a parameter may have; all of them are finite.
struct SamplingRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool least_itself = true;  // whether `least` is allowed
  std::string_view allowed = "a finite number";
};

// What front ends need to know about a parameter. Flags, JSON and messages are
// made from this table, so a new parameter is a member above and an entry
// below.
struct SamplingField {
  std::string_view name;  // of the member and in JSON
  SamplingMember member;
  // On the command line: the flag's names, the long one first, then how the
  // help text calls its value, and what it says.
  std::string_view flags;
  std::string_view value;
  std::string_view help;
  SamplingRange range = {};  // of a number
  // Flags, separated by commas, of which one must be given or this one has no
  // effect. Empty: it always has one.
  std::string_view needs = {};

  // The long name, without its dashes.
  constexpr std::string_view flag() const {
    return flags.substr(2, flags.find(',') - 2);
  }
};

// In the order in which they apply.
inline constexpr SamplingField kSamplingFields[] = {
    {.name = "allowed_tokens",
     .member = &SamplingParams::allowed_tokens,
     .flags = "--allow-ids",
     .value = "IDS",
     .help = "Generate these tokens and no others"},
    {.name = "banned_tokens",
     .member = &SamplingParams::banned_tokens,
     .flags = "--ban-ids",
     .value = "IDS",
     .help = "Never these tokens"},
    {.name = "bad_words",
     .member = &SamplingParams::bad_words,
     .flags = "--bad-word",
     .value = "TEXT",
     .help = "Never the tokens this text is usually made of"},
    {.name = "logit_bias",
     .member = &SamplingParams::logit_bias,
     .flags = "--logit-bias",
     .value = "ID=V",
     .help = "Add V to the logit of token ID, also as ID+V or ID-V; -inf bans "
             "it"},
    {.name = "repetition_penalty",
     .member = &SamplingParams::repetition_penalty,
     .flags = "--repetition-penalty",
     .value = "R",
     .help = "Divide the logit of a token that occurred (default 1: off)",
     .range = {.least = 0,
               .least_itself = false,
               .allowed = "a finite number above 0 (1: off)"}},
    {.name = "frequency_penalty",
     .member = &SamplingParams::frequency_penalty,
     .flags = "--frequency-penalty",
     .value = "F",
     .help = "Subtract F for each time a token was generated (default 0)",
     .range = {.allowed = "a finite number (0: off)"}},
    {.name = "presence_penalty",
     .member = &SamplingParams::presence_penalty,
     .flags = "--presence-penalty",
     .value = "P",
     .help = "Subtract P if a token was generated (default 0)",
     .range = {.allowed = "a finite number (0: off)"}},
    {.name = "penalty_window",
     .member = &SamplingParams::penalty_window,
     .flags = "--penalty-window",
     .value = "N",
     .help = "Latest tokens the penalties look at (default -1: all; 0: none)",
     .range = {.least = -1, .allowed = "-1 (all tokens), 0 (none) or more"},
     .needs = "--repetition-penalty,--frequency-penalty,--presence-penalty"},
    {.name = "min_tokens",
     .member = &SamplingParams::min_tokens,
     .flags = "--min-tokens",
     .value = "N",
     .help = "No end before N tokens",
     .range = {.least = 0, .allowed = "0 or more"}},
    {.name = "temperature",
     .member = &SamplingParams::temperature,
     .flags = "--temperature",
     .value = "T",
     .help = "0 takes the most probable token (the default); 1 samples the "
             "model as it is",
     .range = {.least = 0, .allowed = "a finite number of 0 (greedy) or more"}},
    {.name = "top_k",
     .member = &SamplingParams::top_k,
     .flags = "--top-k",
     .value = "K",
     .help = "Keep the K most probable (0: off)",
     .range = {.least = 0, .allowed = "0 (off) or more"},
     .needs = "--temperature"},
    {.name = "typical_p",
     .member = &SamplingParams::typical_p,
     .flags = "--typical-p",
     .value = "P",
     .help = "Locally typical sampling (1: off)",
     .range = {.least = 0,
               .most = 1,
               .least_itself = false,
               .allowed = "above 0 and up to 1 (off)"},
     .needs = "--temperature"},
    {.name = "top_p",
     .member = &SamplingParams::top_p,
     .flags = "--top-p",
     .value = "P",
     .help = "Keep the fewest tokens that reach probability P (1: off)",
     .range = {.least = 0,
               .most = 1,
               .least_itself = false,
               .allowed = "above 0 and up to 1 (off)"},
     .needs = "--temperature"},
    {.name = "min_p",
     .member = &SamplingParams::min_p,
     .flags = "--min-p",
     .value = "P",
     .help = "Keep tokens with at least P times the best one's probability (0: "
             "off)",
     .range = {.least = 0, .most = 1, .allowed = "0 (off) up to 1"},
     .needs = "--temperature"},
    {.name = "seed",
     .member = &SamplingParams::seed,
     .flags = "--seed,-s",
     .value = "N",
     .help = "Same seed, same text (default 0; across drafts and windows with "
             "--reproducible); -1 or random draws one"},
};

// Throws UsageError, naming the parameter, its value and what is allowed.
void validate(const SamplingParams& params);

// Temperature, seed, and what else differs from its default, by the flags'
// names: "temperature 0.7, seed 3, top-k 40, bad-word: 2 given".
std::string sampling_text(const SamplingParams& params);

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_H_
