#include "lab/convert/tokenizer_to_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/in_quotes.h"
#include "formats/is_there.h"
#include "model/config.h"
#include "pilotfish/error.h"
#include "pilotfish/tokenizer.h"
#include "text/json_node.h"
#include "text/pre_tokenizer.h"
#include "text/sentencepiece_model.h"
#include "text/token_model.h"
#include "text/tokenizer_config.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// The score of pieces that no merge makes: below the score of every piece that
// one does.
constexpr float kLowestScore = -1e6F;

class TokenizerExport {
 public:
  TokenizerExport(const fs::path& folder, const ModelConfig& config,
                  const Tokenizer& tokenizer, GgufHeader& header)
      : folder_(folder),
        config_(config),
        tokenizer_(tokenizer),
        header_(header) {
    if (std::cmp_greater(tokenizer.vocab_size(), config.vocab_size)) {
      throw Error(fmt::format(
          "{}: the tokenizer has {} tokens, the model only {}", folder.string(),
          tokenizer.vocab_size(), config.vocab_size));
    }
    list_tokens();
  }

  void from_json(const fs::path& file);
  void from_sentencepiece(const fs::path& file);

 private:
  void list_tokens();
  void mark_user_defined(std::int64_t id);
  void set_byte_level(const JsonNode& root);
  void set_spm_like(const JsonNode& root);
  std::vector<float> scores_of_merges(const JsonNode& merges) const;
  // Everything but what is particular to the kind of tokenizer.
  void set_common(std::string_view model, std::string_view pre);
  void set_ends();

  PieceType& type_of(std::int64_t id) {
    return types_[static_cast<size_t>(id)];
  }

  const fs::path& folder_;
  const ModelConfig& config_;
  const Tokenizer& tokenizer_;
  GgufHeader& header_;
  std::vector<std::string> texts_;  // by id, as far as the model's vocabulary
  std::vector<PieceType> types_;
};

void TokenizerExport::list_tokens() {
  for (Token id = 0; id < config_.vocab_size; ++id) {
    const bool inside = std::cmp_less(id, tokenizer_.vocab_size());
    std::string text(inside ? tokenizer_.token_text(id) : "");
    PieceType type = PieceType::kNormal;
    if (text.empty()) {
      text = fmt::format("[PAD{}]", id);
      type = PieceType::kUnused;
    } else if (tokenizer_.is_special(id)) {
      type = PieceType::kControl;
    }
    texts_.push_back(std::move(text));
    types_.push_back(type);
  }
}

void TokenizerExport::mark_user_defined(std::int64_t id) {
  if (id >= 0 && id < config_.vocab_size && type_of(id) == PieceType::kNormal) {
    type_of(id) = PieceType::kUserDefined;
  }
}

void TokenizerExport::from_json(const fs::path& file) {
  const nlohmann::json document =
      parse_json(MappedFile::open(file).text(), file.string());
  const JsonNode root(document, file.string());
  if (const auto added = root.find("added_tokens")) {
    for (const JsonNode& token : added->elements()) {
      mark_user_defined(token.at("id").integer());
    }
  }
  for (const AddedToken& token : read_tokenizer_config(folder_).added) {
    mark_user_defined(token.id);
  }
  if (root.at("model").boolean("byte_fallback", false)) {
    set_spm_like(root);
  } else {
    set_byte_level(root);
  }
}

// The patterns of a byte-level pre-tokenizer, in the order they cut.
void collect_patterns(const JsonNode& node, std::vector<std::string>& out) {
  const std::string& type = node.at("type").string();
  if (type == "Sequence") {
    // Its steps are not sequences in any model; one level is enough.
    for (const JsonNode& step : node.at("pretokenizers").elements()) {
      if (step.at("type").string() == "Sequence") {
        throw step.error("a sequence in a sequence has no name in GGUF");
      }
      collect_patterns(step, out);
    }
  } else if (type == "Split") {
    out.push_back(node.at("pattern").at("Regex").string());
  } else if (type == "Digits" && node.boolean("individual_digits", false)) {
    out.emplace_back(R"(\p{N})");
  } else if (type == "ByteLevel") {
    if (node.boolean("add_prefix_space", true)) {
      throw node.error(
          "add_prefix_space: found true, which GGUF cannot express");
    }
    if (node.boolean("use_regex", true)) out.emplace_back(kGpt2Pattern);
  } else {
    throw node.error(
        fmt::format("found {}, which GGUF has no name for", in_quotes(type)));
  }
}

bool mentions_type(const nlohmann::json& value, std::string_view type) {
  if (value.is_object() && value.value("type", nlohmann::json()) == type) {
    return true;
  }
  return value.is_structured() &&
         std::any_of(value.begin(), value.end(), [&](const auto& inner) {
           return mentions_type(inner, type);
         });
}

// What tokenizer.ggml.pre must be for this tokenizer.json.
std::string_view pre_tokenizer_name(const JsonNode& root) {
  const JsonNode node = root.at("pre_tokenizer");
  std::vector<std::string> patterns;
  collect_patterns(node, patterns);
  const auto normalizer = root.find("normalizer");
  const bool nfc = normalizer && mentions_type(normalizer->value(), "NFC");
  const bool ignore_merges = root.at("model").boolean("ignore_merges", false);
  for (const GgufPreTokenizer& known : gguf_pre_tokenizers()) {
    if (std::equal(patterns.begin(), patterns.end(), known.patterns.begin(),
                   known.patterns.end()) &&
        known.nfc == nfc && known.ignore_merges == ignore_merges) {
      return known.names.front();
    }
  }
  throw node.error(
      "its patterns are not those of a pre-tokenizer that GGUF has a name for; "
      "without "
      "the tokenizer's files the weights alone are converted");
}

// "left right"
std::string merge_text(const JsonNode& merge) {
  if (merge.value().is_string()) return merge.string();
  const std::vector<JsonNode> pair = merge.elements();
  if (pair.size() != 2) throw merge.error("expected two texts");
  return pair[0].string() + " " + pair[1].string();
}

void TokenizerExport::set_byte_level(const JsonNode& root) {
  set_common("gpt2", pre_tokenizer_name(root));
  std::vector<std::string> merges;
  for (const JsonNode& merge : root.at("model").at("merges").elements()) {
    merges.push_back(merge_text(merge));
  }
  header_.set_strings("tokenizer.ggml.merges", merges);
}

// Whether every text gets a U+2581 in front.
bool prepends_blank(const JsonNode& root) {
  const auto normalizer = root.find("normalizer");
  if (normalizer && mentions_type(normalizer->value(), "Prepend")) return true;
  const auto cutter = root.find("pre_tokenizer");
  return cutter && cutter->at("type").string() == "Metaspace" &&
         cutter->boolean("add_prefix_space", true) &&
         cutter->string("prepend_scheme", "always") != "never";
}

void TokenizerExport::set_spm_like(const JsonNode& root) {
  for (size_t id = 0; id < types_.size(); ++id) {
    if (types_[id] == PieceType::kNormal &&
        byte_of_token_text(texts_[id]) >= 0) {
      types_[id] = PieceType::kByte;
    }
  }
  if (const auto text = root.at("model").find("unk_token")) {
    if (const auto unknown = tokenizer_.find(text->string())) {
      type_of(*unknown) = PieceType::kUnknown;
      header_.set_u32("tokenizer.ggml.unknown_token_id",
                      static_cast<std::uint32_t>(*unknown));
    }
  }
  set_common("llama", "default");
  header_.set_f32s("tokenizer.ggml.scores",
                   scores_of_merges(root.at("model").at("merges")));
  header_.set_bool("tokenizer.ggml.add_space_prefix", prepends_blank(root));
}

// SentencePiece ranks by the text that a merge makes. The merges of a
// tokenizer.json were made of such scores, all ways to one text together, so
// their order gives them back: 0, -1, -2, ...
std::vector<float> TokenizerExport::scores_of_merges(
    const JsonNode& merges) const {
  std::vector<float> scores(texts_.size(), kLowestScore);
  float next = 0;
  for (const JsonNode& merge : merges.elements()) {
    std::string text = merge_text(merge);
    text.erase(text.find(' '), 1);
    const auto id = tokenizer_.find(text);
    if (!id) continue;
    float& score = scores[static_cast<size_t>(*id)];
    if (score == kLowestScore) score = next--;
  }
  return scores;
}

void TokenizerExport::from_sentencepiece(const fs::path& file) {
  const SentencePieceModel model =
      parse_sentencepiece_model(MappedFile::open(file).text());
  std::vector<float> scores(texts_.size(), kLowestScore);
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    scores[id] = model.pieces[id].score;
    types_[id] = model.pieces[id].type;
  }
  for (const AddedToken& token : read_tokenizer_config(folder_).added) {
    mark_user_defined(token.id);
  }
  set_common("llama", "default");
  header_.set_u32("tokenizer.ggml.unknown_token_id",
                  static_cast<std::uint32_t>(model.unknown_id));
  header_.set_f32s("tokenizer.ggml.scores", scores);
  header_.set_bool("tokenizer.ggml.add_space_prefix", model.add_dummy_prefix);
  header_.set_bool("tokenizer.ggml.remove_extra_whitespaces",
                   model.remove_extra_blanks);
}

void TokenizerExport::set_common(std::string_view model, std::string_view pre) {
  header_.set_string("tokenizer.ggml.model", model);
  header_.set_string("tokenizer.ggml.pre", pre);
  header_.set_strings("tokenizer.ggml.tokens", texts_);
  std::vector<std::int32_t> types;
  for (const PieceType type : types_) {
    types.push_back(static_cast<std::int32_t>(type));
  }
  header_.set_i32s("tokenizer.ggml.token_type", types);
  set_ends();
  if (!tokenizer_.chat_template().empty()) {
    header_.set_string("tokenizer.chat_template", tokenizer_.chat_template());
  }
}

// A model may end at other tokens than its tokenizer does.
void TokenizerExport::set_ends() {
  std::vector<Token> ends = config_.eos;
  if (const auto eos = tokenizer_.eos()) {
    std::erase(ends, *eos);
    ends.insert(ends.begin(), *eos);
  }
  const Token bos = tokenizer_.bos().value_or(config_.bos);
  set_special_ids(bos, ends, header_);

  // What the tokenizer puts around an empty text.
  const std::vector<Token> frame = tokenizer_.encode("");
  const bool begins = bos >= 0 && !frame.empty() && frame.front() == bos;
  const size_t rest = frame.size() - (begins ? 1 : 0);
  const bool finishes =
      rest == 1 && !ends.empty() && frame.back() == ends.front();
  if (rest > (finishes ? 1 : 0)) {
    throw Error(fmt::format(
        "{}: the tokenizer puts other tokens than BOS and EOS around a text, "
        "which GGUF cannot express",
        folder_.string()));
  }
  header_.set_bool("tokenizer.ggml.add_bos_token", begins);
  header_.set_bool("tokenizer.ggml.add_eos_token", finishes);
}

}  // namespace

void set_special_ids(Token bos, std::span<const Token> ends,
                     GgufHeader& header) {
  constexpr const char* kEndKeys[] = {"tokenizer.ggml.eos_token_id",
                                      "tokenizer.ggml.eot_token_id",
                                      "tokenizer.ggml.eom_token_id"};
  static_assert(std::size(kEndKeys) == kGgufEndKeys);
  for (size_t i = 0; i < std::min(ends.size(), kGgufEndKeys); ++i) {
    header.set_u32(kEndKeys[i], static_cast<std::uint32_t>(ends[i]));
  }
  if (ends.size() > kGgufEndKeys) header.set_i32s(kGgufEndTokens, ends);
  if (bos >= 0) {
    header.set_u32("tokenizer.ggml.bos_token_id",
                   static_cast<std::uint32_t>(bos));
  }
}

void set_tokenizer(const fs::path& folder, const ModelConfig& config,
                   GgufHeader& header) {
  const auto tokenizer = Tokenizer::load_if_present(folder);
  if (!tokenizer) {
    header.set_string("tokenizer.ggml.model", "none");
    set_special_ids(config.bos, config.eos, header);
    return;
  }
  TokenizerExport out(folder, config, *tokenizer, header);
  const fs::path description = folder / "tokenizer.json";
  if (is_there(description)) {
    out.from_json(description);
  } else {
    out.from_sentencepiece(folder / "tokenizer.model");
  }
}

}  // namespace pilotfish
