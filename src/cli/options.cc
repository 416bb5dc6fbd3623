#include "cli/options.h"

#include <fmt/format.h>

#include <charconv>
#include <random>
#include <variant>

#include "cli/flags.h"
#include "pilotfish/acceptor.h"
#include "pilotfish/drafters.h"
#include "pilotfish/error.h"
#include "pilotfish/kv_cache.h"

namespace pilotfish::cli {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::pair<Token, float> parse_bias(std::string_view flag,
                                   const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos) {
    const auto id = parse_number<Token>(text.substr(0, equals));
    const auto bias = parse_number<float>(text.substr(equals + 1));
    if (id && bias) return {*id, *bias};
  }
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected ID=VALUE, as in 42=-1.5 or 42=-inf", flag,
      text));
}

std::uint64_t parse_seed(std::string_view flag, const std::string& text) {
  if (text == "random") {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
  }
  if (const auto seed = parse_number<std::uint64_t>(text)) return *seed;
  throw UsageError(
      fmt::format("{}: found \"{}\", expected a whole number from 0, or random",
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
    add(options_.lists[field_.name]).repeatable();
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
         "--prediction and --corpus are for)";
}

std::vector<std::string> labelled_acceptors() {
  std::vector<std::string> names = acceptor_names();
  for (std::string& name : names) {
    if (!make_acceptor(name)->lossless()) name += " (lossy)";
  }
  return names;
}

}  // namespace

void add_compute_options(Command& command, ComputeOptions& options,
                         std::string_view default_model) {
  const FlagGroup group = command.group("Model");
  Flag model = group.add(
      "-m,--model", options.model, "MODEL",
      fmt::format("Hugging Face folder or GGUF file{}", default_model));
  if (default_model.empty()) model.required();
  group.add(
      "--dtype", options.dtype, "TYPE",
      "Convert the weights on loading: bf16, f16, f32, q8_0 or q4_0 (default: "
      "as stored)");
  group.add_switch("--strict-dtype", options.strict_dtype,
                   "Refuse a matrix whose columns do not fill whole blocks of "
                   "that type (default: it is stored in bf16)");
  group.add("--n-layers", options.n_layers, "N",
            "Use only the model's first N layers: a truncated model");
  group.add("-c,--n-positions,--ctx-size", options.n_positions, "N",
            "The most tokens a sequence holds, prompt included");
  group.add("-t,--threads", options.threads, "N",
            "Threads to compute with (default: one per processor)");
}

void add_sampling_options(Command& command, SamplingOptions& options) {
  const FlagGroup group = command.group(kSamplingHeading);
  for (const SamplingField& field : kSamplingFields) {
    std::visit(DeclareField(group, field, options), field.member);
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
  add_compute_options(command, options.compute,
                      " (default: the one that comes with pilotfish)");
  command.group("Model").add("--kv-dtype", options.kv_dtype, "TYPE",
                             kv_dtype_help());
  const FlagGroup speculation = command.group("Speculation");
  speculation.add("-d,--draft,--model-draft,--spec-draft-model", options.draft,
                  "MODEL", "Draft model, or none");
  speculation.add("--draft-dtype", options.draft_dtype, "TYPE",
                  "As --dtype, for the draft");
  speculation.add(
      "--draft-layers", options.draft_layers, "N",
      "Use only the draft's first N layers (the target itself, cut short, can "
      "be the draft); with --drafter skip, the target's (default half)");
}

void add_decoding_options(Command& command, DecodingOptions& options) {
  add_model_pair_options(command, options);
  const FlagGroup speculation = command.group("Speculation");
  speculation.add_parsed<std::string>(
      "-k,--window",
      [&options](const std::string& text) {
        options.window = parse_window("--window", text);
      },
      "K",
      "Most tokens a pass may yield, K - 1 of them drafted; 1 is plain "
      "decoding; auto (the default) chooses pass by pass, by what passes "
      "cost and how often drafts are right");
  speculation.add(
      "--tree-width", options.tree_width, "N",
      "Let up to N tokens compete for a place: the K - 1 drafted ones form a "
      "tree, wide where the draft model is unsure (default 1: a chain)");
  speculation.add("--drafter", options.drafter, "NAMES", drafters_help());
  speculation.add(
      "--prediction", options.prediction, "FILE",
      "How you expect the text to continue, for --drafter prediction");
  speculation.add("--corpus", options.corpus, "FILE",
                  "Text to look for repeats in, for --drafter suffix");
  const Flag acceptor = speculation.add(
      "--acceptor", options.acceptor, "NAME",
      fmt::format("What decides about drafted tokens: {}, or a shared "
                  "library (default {})",
                  fmt::join(labelled_acceptors(), ", "), options.acceptor));
  speculation
      .add_switch(
          "--reproducible", [&options] { options.acceptor = "coupled"; },
          "Same seed, same text, whatever the draft and window: --acceptor "
          "coupled")
      .excludes(acceptor);
  speculation
      .add("--synthetic-acceptance", options.synthetic_acceptance, "R",
           "For benchmarks: accept each drafted token with probability R, "
           "whatever "
           "the models say")
      .excludes(acceptor);
  speculation.add_parsed<std::int64_t>(
      "--draft-max,--spec-draft-n-max",
      [&options](std::int64_t drafted) {
        if (drafted < 0) {
          throw UsageError(fmt::format(
              "--draft-max: found {}, expected 0 or more", drafted));
        }
        options.window = drafted + 1;
      },
      "N", "The window counted in drafted tokens, as in llama.cpp: K - 1");

  const FlagGroup length = command.group("Length and end");
  length.add(
      "-n,--max-tokens,--n-predict", options.max_tokens, "N",
      fmt::format("Tokens to generate (default {}); -1: until the sequence is "
                  "full",
                  options.max_tokens));
  length.add("--stop", options.stop_strings, "TEXT", "End before this text")
      .repeatable();
  length.add("--stop-id", options.stop_ids, "ID", "End with this token")
      .repeatable();
  length.add_switch("--ignore-eos", options.ignore_eos,
                    "The model's own end tokens do not end the text");

  add_sampling_options(command, options.sampling);
}

std::optional<DType> dtype_of(std::string_view flag, const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto dtype = parse_dtype(name)) return dtype;
  throw UsageError(fmt::format(
      "{}: found \"{}\", expected a type such as bf16, f16, f32, q8_0 or q4_0",
      flag, name));
}

DType kv_dtype_of(const std::string& name) {
  const auto dtype = parse_dtype(name);
  if (dtype && KvCache::stores(*dtype)) return *dtype;
  throw UsageError(fmt::format(
      "--kv-dtype: found \"{}\", expected f16, bf16, f32 or q8_0", name));
}

std::string kv_dtype_help(std::string_view usual) {
  return fmt::format(
      "Storage of keys and values: f16, bf16, f32 or q8_0 (default: {})",
      usual);
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
