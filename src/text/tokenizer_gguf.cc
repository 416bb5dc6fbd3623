#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "pilotfish/error.h"
#include "text/bpe.h"
#include "text/pipeline_tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_formats.h"
#include "text/tokenizer_spm.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

// Reads the keys all kinds share.
class GgufTokenizerReader {
 public:
  explicit GgufTokenizerReader(const GgufMetadata& metadata)
      : metadata_(metadata) {}

  const GgufMetadata& metadata() const { return metadata_; }

  Error error(std::string_view message) const {
    return Error(fmt::format("{}: {}", metadata_.file(), message));
  }

  // Texts by id; those that only fill the table up to the model's size, which
  // converters call "[PAD32011]", are unused ids.
  std::vector<std::string> texts() const {
    const auto* texts = metadata_.strings("tokenizer.ggml.tokens");
    if (texts == nullptr || texts->empty()) {
      throw error("has no tokenizer.ggml.tokens");
    }
    std::vector<std::string> result = *texts;
    for (size_t id = 0; id < result.size(); ++id) {
      if (result[id].starts_with("[PAD") &&
          result[id] == fmt::format("[PAD{}]", id)) {
        result[id].clear();
      }
    }
    return result;
  }

  std::vector<PieceType> types(size_t count) const {
    const auto* numbers = metadata_.integers("tokenizer.ggml.token_type");
    if (numbers == nullptr) return {count, PieceType::kNormal};
    check_length("tokenizer.ggml.token_type", numbers->size(), count);
    std::vector<PieceType> types;
    types.reserve(count);
    for (const std::int64_t number : *numbers) {
      if (number < 1 || number > 6) {
        throw error(
            fmt::format("tokenizer.ggml.token_type[{}] is {}, expected 1 to 6",
                        types.size(), number));
      }
      types.push_back(static_cast<PieceType>(number));
    }
    return types;
  }

  void check_length(const char* key, size_t found, size_t expected) const {
    if (found == expected) return;
    throw error(fmt::format("{} has {} values, expected {}, one a token", key,
                            found, expected));
  }

  // Some files have a list, and some an id that no token has, which counts as
  // none.
  std::optional<Token> id(const char* key, size_t count) const {
    for (const std::int64_t value : metadata_.integer_or_integers(key)) {
      if (value >= 0 && std::cmp_less(value, count)) {
        return static_cast<Token>(value);
      }
    }
    return std::nullopt;
  }

  // BOS, EOS, what is added of them, and the chat template.
  void finish(TokenizerParts& parts, bool default_add_bos) const {
    const size_t count = parts.vocabulary->size();
    if (auto bos = id("tokenizer.ggml.bos_token_id", count)) parts.bos = bos;
    if (auto eos = id("tokenizer.ggml.eos_token_id", count)) parts.eos = eos;
    const auto add_bos = metadata_.boolean("tokenizer.ggml.add_bos_token");
    const auto add_eos = metadata_.boolean("tokenizer.ggml.add_eos_token");
    frame_tokens(parts, add_bos.value_or(default_add_bos && parts.bos),
                 add_eos.value_or(false));
    if (const auto* source = metadata_.string("tokenizer.chat_template")) {
      parts.chat_template = *source;
    }
  }

 private:
  const GgufMetadata& metadata_;
};

TokenizerParts spm_parts(const GgufTokenizerReader& reader) {
  SpmDescription description;
  description.texts = reader.texts();
  const size_t count = description.texts.size();
  const auto* scores = reader.metadata().numbers("tokenizer.ggml.scores");
  SpmPieces& pieces = description.pieces;
  pieces.scores.assign(count, 0);  // of a file without, as in llama.cpp
  if (scores != nullptr) {
    reader.check_length("tokenizer.ggml.scores", scores->size(), count);
    std::ranges::transform(*scores, pieces.scores.begin(), [](double score) {
      return static_cast<float>(score);
    });
  }
  pieces.types = reader.types(count);
  const auto unknown = reader.id("tokenizer.ggml.unknown_token_id", count);
  pieces.unknown = unknown.value_or(0);
  const bool prefixed = reader.metadata()
                            .boolean("tokenizer.ggml.add_space_prefix")
                            .value_or(true);
  description.blanks = {
      .prefix =
          prefixed ? BlankRules::Prefix::kAlways : BlankRules::Prefix::kNever,
      .remove_extra = reader.metadata()
                          .boolean("tokenizer.ggml.remove_extra_whitespaces")
                          .value_or(false),
  };
  description.strip_first = prefixed;
  TokenizerParts parts =
      make_spm_parts(description, std::make_shared<Vocabulary>());
  // Files that do not say mean Llama's own.
  if (count > 2) {
    parts.bos = 1;
    parts.eos = 2;
  }
  reader.finish(parts, /*default_add_bos=*/true);
  return parts;
}

const GgufPreTokenizer& kind_of(const GgufTokenizerReader& reader) {
  const auto* found = reader.metadata().string("tokenizer.ggml.pre");
  const std::string name = found != nullptr ? *found : "default";
  std::string expected;
  for (const GgufPreTokenizer& kind : gguf_pre_tokenizers()) {
    if (std::ranges::find(kind.names, name) != kind.names.end()) return kind;
    for (const std::string_view known : kind.names) {
      expected += fmt::format("{}{}", expected.empty() ? "" : ", ", known);
    }
  }
  throw reader.error(fmt::format(
      "tokenizer.ggml.pre is {}, which is not known; expected one of {}",
      quoted_text(name), expected));
}

std::vector<BpeModel::Pair> bpe_merges(const GgufTokenizerReader& reader) {
  const auto* lines = reader.metadata().strings("tokenizer.ggml.merges");
  if (lines == nullptr) throw reader.error("has no tokenizer.ggml.merges");
  std::vector<BpeModel::Pair> merges;
  merges.reserve(lines->size());
  for (const std::string& line : *lines) {
    const auto pair = split_merge(line);
    if (!pair) {
      throw reader.error(
          fmt::format("tokenizer.ggml.merges[{}] is {}, expected two texts "
                      "and a space between",
                      merges.size(), quoted_text(line)));
    }
    merges.push_back(*pair);
  }
  return merges;
}

TokenizerParts byte_level_parts(const GgufTokenizerReader& reader) {
  const GgufPreTokenizer& kind = kind_of(reader);
  const auto texts = reader.texts();
  const auto types = reader.types(texts.size());
  TokenizerParts parts;
  auto vocabulary = std::make_shared<Vocabulary>();
  vocabulary->reserve(texts.size());
  std::vector<bool> usable(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    vocabulary->add(id, texts[i]);
    if (texts[i].empty()) continue;
    const bool special =
        types[i] == PieceType::kControl || types[i] == PieceType::kUnknown;
    usable[i] = !special && types[i] != PieceType::kUnused;
    if (special || types[i] == PieceType::kUserDefined) {
      parts.added.push_back({.id = id, .text = texts[i], .special = special});
    }
  }
  parts.model = std::make_unique<BpeModel>(
      vocabulary, std::move(usable), bpe_merges(reader),
      BpeOptions{.ignore_merges = kind.ignore_merges});
  parts.pre_tokenizer = make_byte_level_pre_tokenizer(kind.patterns);
  if (kind.nfc) parts.normalizer = make_nfc_normalizer();
  parts.decoder = make_byte_level_decoder();
  parts.vocabulary = std::move(vocabulary);
  reader.finish(parts, kind.add_bos);
  return parts;
}

TokenizerParts parts_of(const GgufTokenizerReader& reader) {
  const auto* model = reader.metadata().string("tokenizer.ggml.model");
  if (model == nullptr) throw reader.error("has no tokenizer.ggml.model");
  if (*model == "llama") return spm_parts(reader);
  if (*model == "gpt2") return byte_level_parts(reader);
  throw reader.error(
      fmt::format("tokenizer.ggml.model is {}, expected llama or gpt2",
                  quoted_text(*model)));
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_from_gguf(
    const GgufMetadata& metadata) {
  try {
    return std::make_shared<PipelineTokenizer>(
        parts_of(GgufTokenizerReader(metadata)));
  } catch (const Error& e) {
    if (std::string_view(e.what()).starts_with(metadata.file())) throw;
    throw Error(
        fmt::format("{}: tokenizer.ggml: {}", metadata.file(), e.what()));
  }
}

}  // namespace pilotfish
