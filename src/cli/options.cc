#include "cli/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>
#include <variant>

#include "cli/dtype_flags.h"
#include "cli/flags.h"
#include "cli/foreign_flags.h"
#include "cli/model_flag.h"
#include "cli/numbers.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/drafters.h"
#include "pilotfish/error.h"

namespace pilotfish::cli {
namespace {

// ID=VALUE, or as llama.cpp has it ID+VALUE and ID-VALUE.
std::pair<Token, float> parse_bias(std::string_view flag,
                                   std::string_view text) {
  const size_t end = text.find_first_of("=+-");
  if (end != std::string_view::npos) {
    const auto id = parse_number<Token>(text.substr(0, end));
    const auto bias =
        parse_number<float>(text.substr(text[end] == '=' ? end + 1 : end));
    if (id && bias) return {*id, *bias};
  }
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected ID=VALUE, as in 42=-1.5, 42+0.5 or 42-inf",
      flag, text));
}

// Declares the flag of a sampling parameter. Numbers go where they belong at
// once; what has to be parsed waits as text.
class DeclareField {
 public:
  DeclareField(const FlagGroup& group, const SamplingField& field,
               SamplingOptions& options)
      : group_(group), field_(field), options_(options) {}

  void operator()(double SamplingParams::*member) const {
    add(options_.params.*member);
  }
  void operator()(std::int64_t SamplingParams::*member) const {
    add(options_.params.*member);
  }
  void operator()(std::uint64_t SamplingParams::*) const { add_text(); }
  void operator()(std::vector<Token> SamplingParams::*) const { add_text(); }
  void operator()(std::vector<std::vector<Token>> SamplingParams::*) const {
    add(options_.lists[field_.name]).repeatable().has_escapes();
  }
  void operator()(std::map<Token, float> SamplingParams::*) const {
    add(options_.lists[field_.name]).repeatable();
  }

 private:
  template <typename T>
  Flag add(T& target) const {
    return group_.add(std::string(field_.flags), target,
                      std::string(field_.value), std::string(field_.help));
  }
  void add_text() const { add(options_.texts[field_.name]); }

  const FlagGroup& group_;
  const SamplingField& field_;
  SamplingOptions& options_;
};

// Parses what DeclareField left as text, but for words, which need a tokenizer.
class ParseField {
 public:
  ParseField(const SamplingField& field, const SamplingOptions& options,
             SamplingParams& params)
      : flag_(fmt::format("--{}", field.flag())),
        field_(field),
        options_(options),
        params_(params) {}

  void operator()(std::uint64_t SamplingParams::*member) const {
    const std::string& text = options_.texts.at(field_.name);
    if (!text.empty()) params_.*member = parse_seed(flag_, text);
  }
  void operator()(std::vector<Token> SamplingParams::*member) const {
    params_.*member = parse_tokens(flag_, options_.texts.at(field_.name));
  }
  void operator()(std::map<Token, float> SamplingParams::*member) const {
    for (const std::string& text : options_.lists.at(field_.name)) {
      const auto [token, bias] = parse_bias(flag_, text);
      (params_.*member).insert_or_assign(token, bias);
    }
  }
  void operator()(auto) const {}

 private:
  std::string flag_;
  const SamplingField& field_;
  const SamplingOptions& options_;
  SamplingParams& params_;
};

std::string drafters_help() {
  std::string text = "What makes the guesses: ";
  for (const DrafterInfo& info : drafter_infos()) {
    text += fmt::format("{} ({}), ", info.name, info.help);
  }
  return text +
         "none; in order of preference, as in suffix,model (default: what -d, "
         "--prediction, --corpus and a structure are for)";
}

std::vector<std::string> offered_drafters() {
  std::vector<std::string> names;
  for (const DrafterInfo& info : drafter_infos()) {
    names.emplace_back(info.name);
  }
  names.emplace_back("none");
  return names;
}

// Whether a list such as suffix,model has this drafter.
bool is_among(std::string_view drafter, const std::string& list) {
  return std::ranges::count(names_in(list), drafter) > 0;
}

// Whether speculation is on, or is switched off by name: then the other flags
// may stay as they are, so that one word compares with and without.
bool drafts(const DecodingOptions& options) {
  return options.compute.model.empty() || !options.draft.empty() ||
         !options.drafter.empty() || !options.prediction.empty() ||
         !options.corpus.empty() || options.constraint.given();
}

// Whether a draft model would draft, or nothing by name.
bool no_other_drafter(const DecodingOptions& options) {
  return options.drafter.empty() || options.drafter == "none" ||
         is_among("model", options.drafter);
}

// Whether a draft model is named and drafts, or is switched off by name.
bool names_a_draft(const DecodingOptions& options) {
  return no_other_drafter(options) &&
         (options.compute.model.empty() || !options.draft.empty());
}

std::vector<std::string> labelled_acceptors() {
  std::vector<std::string> names = acceptor_names();
  for (std::string& name : names) {
    if (!make_acceptor(name)->lossless()) name += " (lossy)";
  }
  return names;
}

// What ends a text before its length does.
void add_end_flags(const FlagGroup& group, DecodingOptions& options) {
  group.add("--stop", options.stop_strings, "TEXT", "End before this text")
      .repeatable()
      .has_escapes();
  group.add("--stop-id", options.stop_ids, "ID", "End with this token")
      .repeatable();
  group.add_switch("--ignore-eos", options.ignore_eos,
                   "The model's own end tokens do not end the text");
}

}  // namespace

void add_compute_options(Command& command, ComputeOptions& options) {
  const FlagGroup group = command.group("Model");
  add_model_flag(group, options.model);
  const Flag dtype = add_dtype_flag(
      group, "--dtype", options.dtype,
      "Convert the weights on loading: bf16, f16, f32, q8_0 or q4_0 (default: "
      "as stored)");
  group
      .add_switch("--strict-dtype", options.strict_dtype,
                  "Refuse a matrix whose columns do not fill whole blocks of "
                  "that type (default: it is stored in bf16)")
      .needs({dtype});
  group.add("--n-layers", options.n_layers, "N",
            "Use only the model's first N layers: a truncated model");
  group.add("-c,--n-positions", options.n_positions, "N",
            "The most tokens a sequence holds, prompt included");
  group.add("-t,--threads", options.threads, "N",
            "Threads to compute with (default: one per processor)");
  group.add_parsed<std::string>(
      "--tp",
      [&options](const std::string& text) {
        options.ranks = parse_ranks("--tp", text);
      },
      "N|all",
      "Of the processes that mpirun has started, how many share the model "
      "(default all)");
  group.add_switch("--mixed-isa", options.mixed_isa,
                   "Allow processes with different instruction sets, which "
                   "give texts other bits");
}

void add_sampling_options(Command& command, SamplingOptions& options) {
  const FlagGroup group = command.group(kSamplingHeading);
  const auto is_left_out = [&options](const SamplingField& field) {
    return field.name == "seed" && !options.has_seed;
  };
  for (const SamplingField& field : kSamplingFields) {
    if (is_left_out(field)) {
      options.texts[field.name] = "";
    } else {
      std::visit(DeclareField(group, field, options), field.member);
    }
  }
  for (const SamplingField& field : kSamplingFields) {
    if (field.needs.empty() || is_left_out(field)) continue;
    std::vector<Flag> others;
    for (const auto name : names_in(field.needs)) {
      others.push_back(command.flag(std::string(name)));
    }
    command.flag(fmt::format("--{}", field.flag())).needs(others);
  }
}

SamplingParams sampling_params(const SamplingOptions& options) {
  SamplingParams params = options.params;
  if (options.texts.empty()) return params;  // no flags were declared
  for (const SamplingField& field : kSamplingFields) {
    std::visit(ParseField(field, options, params), field.member);
  }
  validate(params);
  return params;
}

void add_model_pair_options(Command& command, DecodingOptions& options) {
  add_compute_options(command, options.compute);
  add_kv_dtype_flag(command.group("Model"), options.kv_dtype);
  const FlagGroup speculation = command.group("Speculation");
  speculation
      .add("-d,--draft", options.draft, "MODEL",
           "Draft model, likewise, or none (default: with the default model, "
           "its own)")
      .needs("\"model\" among the drafters of --drafter", [&options] {
        return options.draft == "none" || no_other_drafter(options);
      });
  add_dtype_flag(speculation, "--draft-dtype", options.draft_dtype,
                 "As --dtype, for the draft")
      .needs("a draft model, -d MODEL",
             [&options] { return names_a_draft(options); });
  speculation
      .add_parsed<std::string>(
          "--tp-draft",
          [&options](const std::string& text) {
            options.draft_ranks = parse_ranks("--tp-draft", text);
          },
          "N|all", "As --tp, for the draft; 1 spares it the gathers")
      .needs("a draft model, -d MODEL",
             [&options] { return names_a_draft(options); });
  speculation
      .add("--draft-layers", options.draft_layers, "N",
           "Use only the draft's first N layers (the target itself, cut short, "
           "can be the draft); with --drafter skip, the target's (default "
           "half)")
      .needs("a draft model, -d MODEL, or --drafter skip", [&options] {
        return names_a_draft(options) || is_among("skip", options.drafter);
      });
}

void add_decoding_options(Command& command, DecodingOptions& options) {
  add_model_pair_options(command, options);
  const FlagGroup speculation = command.group("Speculation");
  // What has no effect where nothing drafts.
  const auto need_drafts = [&options](Flag flag,
                                      std::function<bool()> or_else) {
    flag.needs("something that drafts, -d MODEL or --drafter NAMES",
               [&options, or_else = std::move(or_else)] {
                 return drafts(options) || or_else();
               });
    return flag;
  };
  const auto is_plain = [&options] {
    return options.window == 1 || options.window == kAutoWindow;
  };
  const Flag window = speculation.add_parsed<std::string>(
      "-k,--window",
      [&options](const std::string& text) {
        options.window = parse_window("--window", text);
      },
      "K",
      "Most tokens a pass may yield, K - 1 of them drafted; 1 is plain "
      "decoding; auto (the default) chooses pass by pass, by what passes "
      "cost and how often drafts are right");
  need_drafts(window, is_plain);
  speculation.add(
      "--tree-width", options.tree_width, "N",
      "Let up to N tokens compete for a place: the K - 1 drafted ones form a "
      "tree, wide where the draft model is unsure (default 1: a chain)");
  speculation.add("--drafter", options.drafter, "NAMES", drafters_help())
      .offers(offered_drafters());
  if (!options.serves) {
    speculation.add(
        "--prediction", options.prediction, "FILE",
        "How you expect the text to continue, for --drafter prediction");
  }
  speculation.add("--corpus", options.corpus, "FILE",
                  "Text to look for repeats in, for --drafter suffix");
  const Flag acceptor = need_drafts(
      speculation
          .add("--acceptor", options.acceptor, "NAME",
               fmt::format("What decides about drafted tokens: {}, or a shared "
                           "library (default {})",
                           fmt::join(labelled_acceptors(), ", "),
                           options.acceptor))
          .offers(acceptor_names()),
      [&options] { return options.acceptor == "coupled"; });
  speculation
      .add_switch(
          "--reproducible", [&options] { options.acceptor = "coupled"; },
          "Same seed, same text, whatever the draft and window: --acceptor "
          "coupled")
      .excludes(acceptor);
  need_drafts(speculation.add(
                  "--synthetic-acceptance", options.synthetic_acceptance, "R",
                  "For benchmarks: accept each drafted token with probability "
                  "R, whatever the models say"),
              [] { return false; })
      .excludes(acceptor);
  need_drafts(
      speculation.add_parsed<std::int64_t>(
          "--draft-max",
          [&options](std::int64_t drafted) { options.window = drafted + 1; },
          "N", "The window counted in drafted tokens, as in llama.cpp: K - 1"),
      is_plain)
      .in_range(0, std::numeric_limits<std::int32_t>::max())
      .excludes(window);

  const FlagGroup length = command.group("Length and end");
  length.add("-n,--max-tokens", options.max_tokens, "N",
             options.max_tokens == -1
                 ? "Tokens to generate (default -1: until the sequence is full)"
                 : fmt::format("Tokens to generate (default {}); -1: until the "
                               "sequence is full",
                               options.max_tokens));
  if (!options.serves) {
    add_end_flags(length, options);
    add_constraint_options(command, options.constraint);
  }

  add_sampling_options(command, options.sampling);
}

void add_seed_flag(const FlagGroup& group, std::uint64_t& seed,
                   const std::string& help) {
  group.add_parsed<std::string>(
      "--seed,-s",
      [&seed](const std::string& text) { seed = parse_seed("--seed", text); },
      "N", help + "; -1 or random draws one");
}

std::uint64_t parse_seed(std::string_view flag, const std::string& text) {
  if (text == "random" || text == "-1") {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
  }
  if (const auto seed = parse_number<std::uint64_t>(text)) return *seed;
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected a whole number from 0 to {}, or -1 for a "
      "random one",
      flag, text, std::numeric_limits<std::uint64_t>::max()));
}

int parse_ranks(std::string_view flag, const std::string& text) {
  if (text == "all") return 0;
  const auto ranks = parse_number<int>(text);
  if (ranks && *ranks >= 1) return *ranks;
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected all, or a number from 1", flag, text));
}

std::int64_t parse_window(std::string_view flag, const std::string& text) {
  if (text == "auto") return kAutoWindow;
  const auto window = parse_number<std::int64_t>(text);
  if (window && *window >= 1) return *window;
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected auto, or a number from 1 (plain decoding)",
      flag, text));
}

std::string window_text(std::int64_t window) {
  return window == kAutoWindow ? "auto" : fmt::format("{}", window);
}

std::int64_t wanted_tokens(std::string_view flag, std::int64_t tokens) {
  if (tokens == -1 || tokens >= 1) return tokens;
  throw UsageError(
      fmt::format("{}: found {}, expected 1 or more, or -1 for as many as fit",
                  flag, tokens));
}

std::vector<Token> parse_tokens(std::string_view flag, std::string_view text) {
  constexpr std::string_view kSeparators = " ,\t\r\n[]";
  std::vector<Token> tokens;
  size_t begin = text.find_first_not_of(kSeparators);
  while (begin != std::string_view::npos) {
    const size_t end =
        std::min(text.find_first_of(kSeparators, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const auto token = parse_number<Token>(word);
    if (!token || *token < 0) {
      throw UsageError(fmt::format(
          "{}: found \"{}\", expected token ids separated by spaces", flag,
          word));
    }
    tokens.push_back(*token);
    begin = text.find_first_not_of(kSeparators, end);
  }
  return tokens;
}

}  // namespace pilotfish::cli
