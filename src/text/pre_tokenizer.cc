#include "text/pre_tokenizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "text/byte_level.h"
#include "text/json_node.h"
#include "text/regex.h"
#include "text/token_model.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

constexpr int kMaxPreTokenizerDepth = 8;
constexpr std::string_view kPunctuation =
    R"([\p{P}\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E])";

// Appends the matches of a pattern in a text.
using Finder = std::function<void(std::string_view, std::vector<Span>&)>;

struct FindLiteral {
  std::string literal;
  void operator()(std::string_view text, std::vector<Span>& out) const {
    size_t found = 0;
    while ((found = text.find(literal, found)) != std::string_view::npos) {
      out.push_back({found, found + literal.size()});
      found += literal.size();
    }
  }
};

struct FindRegex {
  Regex regex;
  void operator()(std::string_view text, std::vector<Span>& out) const {
    regex.find_all(text, out);
  }
};

Finder make_finder(std::variant<std::string, Regex> pattern) {
  if (auto* literal = std::get_if<std::string>(&pattern)) {
    return FindLiteral{std::move(*literal)};
  }
  return FindRegex{std::get<Regex>(std::move(pattern))};
}

Finder find_regex(std::string_view pattern) {
  return FindRegex{Regex(pattern)};
}

// Collects the parts of one piece, from left to right, as a behaviour says.
class Cutter {
 public:
  Cutter(SplitBehaviour behaviour, std::vector<Span>& out)
      : behaviour_(behaviour), out_(out), first_(out.size()) {}

  void add(Span part, bool is_match) {
    if (part.size() == 0) return;
    if (behaviour_ == SplitBehaviour::kRemoved && is_match) return;
    if (joins_last(is_match)) {
      out_.back().end = part.end;
    } else {
      out_.push_back(part);
    }
    last_was_match_ = is_match;
  }

 private:
  bool joins_last(bool is_match) const {
    if (out_.size() == first_) return false;
    switch (behaviour_) {
      case SplitBehaviour::kMergedWithPrevious:
        return is_match && !last_was_match_;
      case SplitBehaviour::kMergedWithNext:
        return !is_match && last_was_match_;
      case SplitBehaviour::kContiguous:
        return is_match == last_was_match_;
      default:
        return false;
    }
  }

  SplitBehaviour behaviour_;
  std::vector<Span>& out_;
  size_t first_;
  bool last_was_match_ = false;
};

class Split : public PreTokenizer {
 public:
  Split(Finder find, SplitBehaviour behaviour, bool invert)
      : find_(std::move(find)), behaviour_(behaviour), invert_(invert) {}

  void apply(PieceList& list) const override {
    const std::string_view text = list.text;
    std::vector<Span> matches;
    std::vector<Span> pieces;
    pieces.reserve(list.text.size() / 4);
    for (const Span piece : list.pieces) {
      matches.clear();
      find_(text.substr(piece.begin, piece.size()), matches);
      Cutter cutter(behaviour_, pieces);
      size_t begin = piece.begin;
      for (const Span match : matches) {
        cutter.add({begin, piece.begin + match.begin}, invert_);
        begin = piece.begin + match.end;
        cutter.add({piece.begin + match.begin, begin}, !invert_);
      }
      cutter.add({begin, piece.end}, invert_);
    }
    list.pieces = std::move(pieces);
  }

 private:
  Finder find_;
  SplitBehaviour behaviour_;
  bool invert_;
};

PreTokenizerPtr make_split(Finder find, SplitBehaviour behaviour,
                           bool invert = false) {
  return std::make_unique<Split>(std::move(find), behaviour, invert);
}

// Rewrites every piece by a function of (piece, whether it begins the text,
// where to append the new piece).
template <class Rewrite>
void rewrite_pieces(PieceList& list, Rewrite&& rewrite) {
  std::string text;
  text.reserve(list.text.size() + list.text.size() / 2);
  for (Span& piece : list.pieces) {
    const size_t begin = text.size();
    rewrite(std::string_view(list.text).substr(piece.begin, piece.size()),
            list.at_start && piece.begin == 0, text);
    piece = {begin, text.size()};
  }
  list.text = std::move(text);
}

class ByteLevelSpelling : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    rewrite_pieces(list, [](std::string_view piece, bool, std::string& out) {
      append_byte_level(piece, out);
    });
  }
};

class SpacePrefix : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    rewrite_pieces(list, [](std::string_view piece, bool, std::string& out) {
      if (!piece.starts_with(' ')) out += ' ';
      out += piece;
    });
  }
};

class Metaspace : public PreTokenizer {
 public:
  enum class Prefix { kNever, kFirst, kAlways };
  Metaspace(std::string replacement, Prefix prefix)
      : replacement_(std::move(replacement)), prefix_(prefix) {}

  void apply(PieceList& list) const override {
    rewrite_pieces(list,
                   [&](std::string_view piece, bool first, std::string& out) {
                     const bool prefixed = prefix_ == Prefix::kAlways ||
                                           (prefix_ == Prefix::kFirst && first);
                     if (prefixed && !piece.starts_with(' ') &&
                         !piece.starts_with(replacement_)) {
                       out += replacement_;
                     }
                     for (const char c : piece) {
                       if (c == ' ') {
                         out += replacement_;
                       } else {
                         out += c;
                       }
                     }
                   });
  }

 private:
  std::string replacement_;
  Prefix prefix_;
};

class SequencePreTokenizer : public PreTokenizer {
 public:
  explicit SequencePreTokenizer(std::vector<PreTokenizerPtr> steps)
      : steps_(std::move(steps)) {}
  void apply(PieceList& list) const override {
    for (const auto& step : steps_) step->apply(list);
  }

 private:
  std::vector<PreTokenizerPtr> steps_;
};

SplitBehaviour behaviour_from_json(const JsonNode& node) {
  static constexpr std::pair<std::string_view, SplitBehaviour> kNames[] = {
      {"Removed", SplitBehaviour::kRemoved},
      {"Isolated", SplitBehaviour::kIsolated},
      {"MergedWithPrevious", SplitBehaviour::kMergedWithPrevious},
      {"MergedWithNext", SplitBehaviour::kMergedWithNext},
      {"Contiguous", SplitBehaviour::kContiguous},
  };
  for (const auto& [name, behaviour] : kNames) {
    if (node.string() == name) return behaviour;
  }
  throw node.error(
      fmt::format("found {}, expected Removed, Isolated, MergedWithPrevious, "
                  "MergedWithNext or Contiguous",
                  quoted_text(node.string())));
}

PreTokenizerPtr split_from_json(const JsonNode& node) {
  const SplitBehaviour behaviour = behaviour_from_json(node.at("behavior"));
  const bool invert = node.boolean("invert", false);
  return make_split(make_finder(pattern_from_json(node.at("pattern"))),
                    behaviour, invert);
}

PreTokenizerPtr byte_level_from_json(const JsonNode& node) {
  std::vector<PreTokenizerPtr> steps;
  if (node.boolean("add_prefix_space", true)) {
    steps.push_back(std::make_unique<SpacePrefix>());
  }
  if (node.boolean("use_regex", true)) {
    steps.push_back(
        make_split(find_regex(kGpt2Pattern), SplitBehaviour::kIsolated));
  }
  steps.push_back(std::make_unique<ByteLevelSpelling>());
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

PreTokenizerPtr metaspace_from_json(const JsonNode& node) {
  const std::string replacement =
      node.string("replacement", std::string(kBlank));
  if (replacement.empty() ||
      utf8_character_length(replacement) != replacement.size()) {
    throw node.error(fmt::format("found replacement {}, expected a character",
                                 quoted_text(replacement)));
  }
  const std::string scheme =
      node.string("prepend_scheme",
                  node.boolean("add_prefix_space", true) ? "always" : "never");
  Metaspace::Prefix prefix = Metaspace::Prefix::kAlways;
  if (scheme == "first") {
    prefix = Metaspace::Prefix::kFirst;
  } else if (scheme == "never") {
    prefix = Metaspace::Prefix::kNever;
  } else if (scheme != "always") {
    throw node.error(
        fmt::format("found prepend_scheme {}, expected always, first or never",
                    quoted_text(scheme)));
  }
  std::vector<PreTokenizerPtr> steps;
  steps.push_back(std::make_unique<Metaspace>(replacement, prefix));
  if (node.boolean("split", true)) {
    steps.push_back(
        make_split(FindLiteral{replacement}, SplitBehaviour::kMergedWithNext));
  }
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

PreTokenizerPtr nested_pre_tokenizer(const JsonNode& node, int depth) {
  const std::string type = node.at("type").string();
  if (type == "Sequence") {
    if (depth == kMaxPreTokenizerDepth)
      throw node.error("sequences nested too deep");
    std::vector<PreTokenizerPtr> steps;
    for (const JsonNode& step : node.at("pretokenizers").elements()) {
      steps.push_back(nested_pre_tokenizer(step, depth + 1));
    }
    return std::make_unique<SequencePreTokenizer>(std::move(steps));
  }
  if (type == "Split") return split_from_json(node);
  if (type == "ByteLevel") return byte_level_from_json(node);
  if (type == "Metaspace") return metaspace_from_json(node);
  if (type == "Digits") {
    return make_split(find_regex(R"(\p{N})"),
                      node.boolean("individual_digits", false)
                          ? SplitBehaviour::kIsolated
                          : SplitBehaviour::kContiguous);
  }
  if (type == "Whitespace") {
    return make_split(find_regex(R"(\w+|[^\w\s]+)"), SplitBehaviour::kRemoved,
                      /*invert=*/true);
  }
  if (type == "WhitespaceSplit") {
    return make_split(find_regex(R"(\s)"), SplitBehaviour::kRemoved);
  }
  if (type == "Punctuation") {
    const auto behaviour = node.find("behavior");
    return make_split(find_regex(kPunctuation),
                      behaviour ? behaviour_from_json(*behaviour)
                                : SplitBehaviour::kIsolated);
  }
  throw node.error(fmt::format(
      "found type {}, expected Sequence, Split, ByteLevel, Metaspace, "
      "Digits, Whitespace, WhitespaceSplit or Punctuation",
      quoted_text(type)));
}

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4oPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+)"
    R"([\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigitPattern = R"(\p{N})";

}  // namespace

std::unique_ptr<const PreTokenizer> pre_tokenizer_from_json(
    const JsonNode& node) {
  return nested_pre_tokenizer(node, 0);
}

std::unique_ptr<const PreTokenizer> make_byte_level_pre_tokenizer(
    const std::vector<std::string_view>& patterns) {
  std::vector<PreTokenizerPtr> steps;
  for (const std::string_view pattern : patterns) {
    steps.push_back(make_split(find_regex(pattern), SplitBehaviour::kIsolated));
  }
  steps.push_back(std::make_unique<ByteLevelSpelling>());
  return std::make_unique<SequencePreTokenizer>(std::move(steps));
}

std::span<const GgufPreTokenizer> gguf_pre_tokenizers() {
  static const std::vector<GgufPreTokenizer> kinds = {
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"},
       .patterns = {kLlama3Pattern},
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"smaug-bpe", "dbrx", "chatglm-bpe", "glm4"},
       .patterns = {kLlama3Pattern}},
      {.names = {"qwen2", "deepseek-r1-qwen", "megrez"},
       .patterns = {kQwen2Pattern},
       .nfc = true},
      {.names = {"stablelm2"}, .patterns = {kQwen2Pattern}},
      {.names = {"tekken"},
       .patterns = {kTekkenPattern},
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"gpt-4o", "llama4"}, .patterns = {kGpt4oPattern}},
      {.names = {"smollm", "starcoder", "refact", "command-r", "codeshell",
                 "exaone", "minerva-7b"},
       .patterns = {kDigitPattern, kGpt2Pattern}},
      {.names = {"gpt-2", "default", "phi-2", "mpt", "olmo", "jais",
                 "roberta-bpe", "exaone4"},
       .patterns = {kGpt2Pattern}},
  };
  return kinds;
}

}  // namespace pilotfish
