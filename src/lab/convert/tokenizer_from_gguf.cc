#include "lab/convert/tokenizer_from_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "formats/in_quotes.h"
#include "lab/convert/json_file.h"
#include "pilotfish/error.h"
#include "text/pre_tokenizer.h"
#include "text/spm_bpe.h"
#include "text/tokenizer_formats.h"

namespace pilotfish {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kBlankText = "\xE2\x96\x81";  // U+2581

// A merge that a score stands for.
struct RankedMerge {
  double score;
  Token left;
  Token right;
};

class TokenizerImport {
 public:
  // `metadata` must be what `tokenizer` was read from.
  TokenizerImport(const GgufMetadata& metadata, const Tokenizer& tokenizer)
      : metadata_(metadata), tokenizer_(tokenizer) {
    const std::vector<Token> frame = tokenizer.encode("");
    adds_bos_ = !frame.empty() && tokenizer.bos() == frame.front();
    adds_eos_ = frame.size() > (adds_bos_ ? 1U : 0U);
    for (Token id = 0; std::cmp_less(id, tokenizer.vocab_size()); ++id) {
      if (type_of(id) == PieceType::kUnused || text(id).empty()) continue;
      if (!ids_.emplace(text(id), id).second) {
        fail(fmt::format("tokens {} and {} are both {}", ids_.at(text(id)), id,
                         in_quotes(text(id))));
      }
    }
  }

  Json description() const {
    const bool byte_level = *metadata_.string("tokenizer.ggml.model") == "gpt2";
    Json json = {{"version", "1.0"},
                 {"truncation", nullptr},
                 {"padding", nullptr},
                 {"added_tokens", added_tokens()}};
    json.update(byte_level ? byte_level_parts() : spm_parts());
    json["post_processor"] = post_processor();
    return json;
  }

  Json config() const;

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: {}", metadata_.file(), what));
  }

  std::string_view text(Token id) const { return tokenizer_.token_text(id); }
  Json quoted_text(std::optional<Token> id) const {
    return id ? Json(std::string(text(*id))) : Json(nullptr);
  }

  PieceType type_of(Token id) const {
    const auto* types = metadata_.integers("tokenizer.ggml.token_type");
    if (!types) return PieceType::kNormal;
    return static_cast<PieceType>((*types)[static_cast<size_t>(id)]);
  }

  Json added_tokens() const;
  Json vocabulary() const;
  Json byte_level_parts() const;
  Json spm_parts() const;
  Json merges_of_scores() const;
  std::vector<RankedMerge> ranked_merges() const;
  Json post_processor() const;

  const GgufMetadata& metadata_;
  const Tokenizer& tokenizer_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
  std::unordered_map<std::string_view, Token> ids_;  // of tokens in use
};

Json TokenizerImport::added_tokens() const {
  Json tokens = Json::array();
  for (Token id = 0; std::cmp_less(id, tokenizer_.vocab_size()); ++id) {
    const PieceType type = type_of(id);
    const bool special =
        type == PieceType::kControl || type == PieceType::kUnknown;
    if (text(id).empty() || (!special && type != PieceType::kUserDefined)) {
      continue;
    }
    tokens.push_back({{"id", id},
                      {"content", std::string(text(id))},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", special}});
  }
  return tokens;
}

Json TokenizerImport::vocabulary() const {
  Json vocabulary = Json::object();
  auto& entries = vocabulary.get_ref<Json::object_t&>();
  for (Token id = 0; std::cmp_less(id, tokenizer_.vocab_size()); ++id) {
    const auto place = ids_.find(text(id));
    if (place == ids_.end() || place->second != id) continue;
    // This appends without a search for the key among all others.
    entries.emplace_back(std::string(text(id)), id);
  }
  return vocabulary;
}

Json TokenizerImport::byte_level_parts() const {
  const std::string* named = metadata_.string("tokenizer.ggml.pre");
  const std::string name = named ? *named : "default";
  const auto known = gguf_pre_tokenizers();
  const auto kind = std::find_if(
      known.begin(), known.end(), [&](const GgufPreTokenizer& candidate) {
        return std::find(candidate.names.begin(), candidate.names.end(),
                         name) != candidate.names.end();
      });
  Json steps = Json::array();
  for (const std::string_view pattern : kind->patterns) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", std::string(pattern)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", false}};
  steps.push_back(byte_level);
  Json parts;
  parts["normalizer"] = kind->nfc ? Json{{"type", "NFC"}} : Json(nullptr);
  parts["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
  parts["decoder"] = byte_level;
  parts["model"] = {{"type", "BPE"},
                    {"dropout", nullptr},
                    {"unk_token", nullptr},
                    {"continuing_subword_prefix", nullptr},
                    {"end_of_word_suffix", nullptr},
                    {"fuse_unk", false},
                    {"byte_fallback", false},
                    {"ignore_merges", kind->ignore_merges},
                    {"vocab", vocabulary()},
                    {"merges", *metadata_.strings("tokenizer.ggml.merges")}};
  return parts;
}

Json TokenizerImport::spm_parts() const {
  const bool prefixed =
      metadata_.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  Json normalizers = Json::array();
  if (prefixed) {
    normalizers.push_back({{"type", "Prepend"}, {"prepend", kBlankText}});
  }
  normalizers.push_back({{"type", "Replace"},
                         {"pattern", {{"String", " "}}},
                         {"content", kBlankText}});
  Json decoders = {{{"type", "Replace"},
                    {"pattern", {{"String", kBlankText}}},
                    {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (prefixed) {
    decoders.push_back(
        {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  const auto unknown =
      metadata_.integer("tokenizer.ggml.unknown_token_id").value_or(0);
  Json parts;
  parts["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  parts["pre_tokenizer"] = nullptr;
  parts["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  parts["model"] = {{"type", "BPE"},
                    {"dropout", nullptr},
                    {"unk_token", quoted_text(static_cast<Token>(unknown))},
                    {"continuing_subword_prefix", nullptr},
                    {"end_of_word_suffix", nullptr},
                    {"fuse_unk", true},
                    {"byte_fallback", true},
                    {"ignore_merges", false},
                    {"vocab", vocabulary()},
                    {"merges", merges_of_scores()}};
  return parts;
}

// Every way to make a piece of two others.
std::vector<RankedMerge> TokenizerImport::ranked_merges() const {
  constexpr size_t kLongest = 4096;  // bytes; those in use have a few dozen
  const auto* scores = metadata_.numbers("tokenizer.ggml.scores");
  std::vector<RankedMerge> merges;
  for (Token id = 0; std::cmp_less(id, tokenizer_.vocab_size()); ++id) {
    const std::string_view whole = text(id);
    if (type_of(id) != PieceType::kNormal || whole.size() > kLongest) continue;
    for (size_t cut = 1; cut < whole.size(); ++cut) {
      const auto left = ids_.find(whole.substr(0, cut));
      if (left == ids_.end()) continue;
      const auto right = ids_.find(whole.substr(cut));
      if (right == ids_.end()) continue;
      const double score = scores ? (*scores)[static_cast<size_t>(id)] : 0;
      merges.push_back({score, left->second, right->second});
    }
  }
  return merges;
}

// The merges are in the order in which transformers makes them from a
// SentencePiece model: the best scores first, then in the order of the pieces,
// then of the parts.
Json TokenizerImport::merges_of_scores() const {
  std::vector<RankedMerge> merges = ranked_merges();
  std::stable_sort(merges.begin(), merges.end(),
                   [](const RankedMerge& a, const RankedMerge& b) {
                     return a.score > b.score;
                   });
  Json list = Json::array();
  for (const RankedMerge& merge : merges) {
    list.push_back(fmt::format("{} {}", text(merge.left), text(merge.right)));
  }
  return list;
}

Json TokenizerImport::post_processor() const {
  Json single = Json::array();
  Json tokens = Json::object();
  const auto add_special = [&](Token id) {
    const std::string name(text(id));
    single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
    tokens[name] = {{"id", name}, {"ids", {id}}, {"tokens", {name}}};
  };
  if (adds_bos_) add_special(*tokenizer_.bos());
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (adds_eos_) add_special(*tokenizer_.eos());
  Json pair = single;
  for (Json item : single) {
    auto& part = item.front();
    part["type_id"] = 1;
    if (part["id"] == "A") part["id"] = "B";
    pair.push_back(std::move(item));
  }
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

Json TokenizerImport::config() const {
  const bool spm = *metadata_.string("tokenizer.ggml.model") == "llama";
  Json json = {
      {"tokenizer_class", spm ? "LlamaTokenizer" : "PreTrainedTokenizerFast"},
      {"add_bos_token", adds_bos_},
      {"add_eos_token", adds_eos_},
      {"bos_token", quoted_text(tokenizer_.bos())},
      {"eos_token", quoted_text(tokenizer_.eos())},
      {"clean_up_tokenization_spaces", false}};
  if (!tokenizer_.chat_template().empty()) {
    json["chat_template"] = tokenizer_.chat_template();
  }
  return json;
}

}  // namespace

void write_tokenizer(const GgufMetadata& metadata,
                     const std::filesystem::path& folder) {
  const std::string* model = metadata.string("tokenizer.ggml.model");
  if (!model || *model == "none" || *model == "no_vocab") return;
  const auto tokenizer = tokenizer_from_gguf(metadata);
  const TokenizerImport import(metadata, *tokenizer);
  try {
    write_json(folder / "tokenizer.json", import.description());
    write_json(folder / "tokenizer_config.json", import.config());
  } catch (const Json::type_error&) {
    throw Error(fmt::format(
        "{}: a token or the chat template is not UTF-8, which a tokenizer.json "
        "cannot hold",
        metadata.file()));
  }
}

}  // namespace pilotfish
