#ifndef PILOTFISH_CLI_OPTIONS_H_
#define PILOTFISH_CLI_OPTIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/constraint_flags.h"
#include "pilotfish/sampling.h"
#include "pilotfish/token.h"
#include "pilotfish/window.h"

namespace pilotfish::cli {

class Command;
class FlagGroup;

// What every command that runs a model takes.
struct ComputeOptions {
  std::string model;  // empty: the one that comes with pilotfish
  std::string dtype;  // empty: as stored
  bool strict_dtype = false;
  std::int64_t n_layers = 0;     // 0: all
  std::int64_t n_positions = 0;  // 0: the command's own choice
  int threads = 0;               // 0: one a processor
  int ranks = 0;                 // that share it; 0: all
  bool mixed_isa = false;
};
void add_compute_options(Command& command, ComputeOptions& options);

struct SamplingOptions {
  bool has_seed = true;   // else there is no flag for it: each text has its own
  SamplingParams params;  // its numbers
  // What has to be parsed, by the name of the field it is for: ids, a seed.
  std::map<std::string_view, std::string> texts;
  // The same of flags that may be given more than once: biases, words.
  std::map<std::string_view, std::vector<std::string>> lists;
};
inline constexpr const char* kSamplingHeading =
    "Sampling (in the order they apply)";
void add_sampling_options(Command& command, SamplingOptions& options);
// Checked; a random seed is drawn here. Words are left out, since they need a
// tokenizer. Throws UsageError.
SamplingParams sampling_params(const SamplingOptions& options);

// What `generate`, `chat` and `serve` share.
struct DecodingOptions {
  // Requests say how they end, and bring what they predict and have to be:
  // there are no flags for it.
  bool serves = false;
  // Each prompt may say what its text has to be.
  bool prompts_constrain = false;
  ComputeOptions compute;
  std::string draft;  // "none": no draft model; empty: the default's
  std::string draft_dtype;
  std::int64_t draft_layers = 0;  // 0: all, or half of the target's
  int draft_ranks = 0;            // 0: all
  std::string drafter;            // names in order; empty: by the other flags
  std::string prediction;         // file
  std::string corpus;             // file
  std::int64_t window = kAutoWindow;
  std::int64_t tree_width = 1;
  std::string acceptor = "block";
  std::optional<double> synthetic_acceptance;
  std::string kv_dtype = "f16";
  SamplingOptions sampling;
  std::int64_t max_tokens = 256;  // -1: until the sequence is full
  std::vector<std::string> stop_strings;
  std::vector<Token> stop_ids;
  bool ignore_eos = false;
  ConstraintOptions constraint;
  std::optional<std::int64_t> logprobs;
};
void add_decoding_options(Command& command, DecodingOptions& options);
// The flags among those that say which models to load, and how.
void add_model_pair_options(Command& command, DecodingOptions& options);

// LoadOptions::ranks: "all", or a number from 1. Throws UsageError, naming the
// flag.
int parse_ranks(std::string_view flag, const std::string& text);

// "auto", or a number from 1. Throws UsageError, naming the flag.
std::int64_t parse_window(std::string_view flag, const std::string& text);
std::string window_text(std::int64_t window);

// -s,--seed, of which -1 and random draw one.
void add_seed_flag(const FlagGroup& group, std::uint64_t& seed,
                   const std::string& help);
// A whole number from 0; -1 or random: a new one. Throws UsageError, naming the
// flag.
std::uint64_t parse_seed(std::string_view flag, const std::string& text);

// Request::max_tokens for what a user says: 1 or more, or -1 for as many as
// fit. Throws UsageError, naming the flag.
std::int64_t wanted_tokens(std::string_view flag, std::int64_t tokens);

// Ids separated by spaces or commas. Throws UsageError, naming the flag.
std::vector<Token> parse_tokens(std::string_view flag, std::string_view text);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_OPTIONS_H_
