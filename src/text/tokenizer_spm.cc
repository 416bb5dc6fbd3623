#include "text/tokenizer_spm.h"

#include <fmt/core.h>

#include "pilotfish/error.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_formats.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

const char* model_type_name(std::int32_t type) {
  switch (type) {
    case 1:
      return "unigram";
    case 3:
      return "word";
    case 4:
      return "character";
    default:
      return "unknown";
  }
}

void refuse_unsupported(const SentencePieceModel& model) {
  if (model.pieces.empty()) {
    throw Error("not a SentencePiece model: it has no pieces");
  }
  if (model.model_type != 2) {
    throw Error(fmt::format(
        "trainer_spec.model_type is {} ({}), expected 2 (BPE), the only kind "
        "that is supported; a tokenizer.json beside it is read instead",
        model.model_type, model_type_name(model.model_type)));
  }
  if (model.has_character_map) {
    throw Error(fmt::format(
        "normalizer_spec {} maps characters, which is not supported; "
        "expected \"identity\"",
        quoted_text(model.normalizer)));
  }
  if (model.blank_as_suffix) {
    throw Error("trainer_spec.treat_whitespace_as_suffix is not supported");
  }
}

SpmDescription describe(const SentencePieceModel& model,
                        const TokenizerConfig& config) {
  SpmDescription description;
  for (const auto& piece : model.pieces) {
    const auto id = static_cast<Token>(description.texts.size());
    if (piece.type == PieceType::kUnknown &&
        (description.pieces.unknown < 0 || id == model.unknown_id)) {
      description.pieces.unknown = id;
    }
    description.texts.push_back(piece.text);
    description.pieces.scores.push_back(piece.score);
    description.pieces.types.push_back(piece.type);
  }
  using Prefix = BlankRules::Prefix;
  description.blanks = {
      .prefix = !model.add_dummy_prefix ? Prefix::kNever
                : config.legacy         ? Prefix::kAlways
                                        : Prefix::kFirst,
      .escape = model.escape_blanks,
      .remove_extra = model.remove_extra_blanks,
  };
  description.strip_first = model.add_dummy_prefix || model.remove_extra_blanks;
  for (const AddedToken& token : config.added) {
    if (token.special) {
      description.special.push_back(static_cast<Token>(token.id));
    }
  }
  return description;
}

std::optional<Token> id_in(const Vocabulary& vocabulary, std::int32_t id) {
  if (id < 0 || static_cast<size_t>(id) >= vocabulary.size()) {
    return std::nullopt;
  }
  return id;
}

std::shared_ptr<const Tokenizer> build(const SentencePieceModel& model,
                                       const TokenizerConfig& config,
                                       const std::string& where) {
  auto vocabulary = std::make_shared<Vocabulary>();
  TokenizerParts parts = make_spm_parts(describe(model, config), vocabulary);
  add_configured_tokens(config, parts.added, *vocabulary, where);
  parts.bos = config.bos(*vocabulary);
  if (!parts.bos) parts.bos = id_in(*vocabulary, model.bos_id);
  parts.eos = config.eos(*vocabulary);
  if (!parts.eos) parts.eos = id_in(*vocabulary, model.eos_id);
  parts.chat_template = config.chat_template;
  frame_tokens(parts, config.add_bos.value_or(parts.bos.has_value()),
               config.add_eos.value_or(false));
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace

TokenizerParts make_spm_parts(const SpmDescription& description,
                              std::shared_ptr<Vocabulary> vocabulary) {
  TokenizerParts parts;
  vocabulary->reserve(description.texts.size());
  for (size_t i = 0; i < description.texts.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    const std::string& text = description.texts[i];
    vocabulary->add(id, text);
    const PieceType type = description.pieces.types[i];
    if (!text.empty() &&
        (type == PieceType::kControl || type == PieceType::kUnknown)) {
      parts.added.push_back({.id = id, .text = text, .special = true});
    }
  }
  SpmPieces pieces = description.pieces;
  for (const Token token : description.special) {
    const auto id = static_cast<size_t>(token);
    if (id < pieces.types.size()) pieces.types[id] = PieceType::kControl;
  }
  parts.model = std::make_unique<SpmBpeModel>(vocabulary, pieces);
  parts.normalizer = make_blank_normalizer(description.blanks);
  parts.decoder = make_blank_decoder(description.strip_first);
  parts.vocabulary = std::move(vocabulary);
  return parts;
}

void frame_tokens(TokenizerParts& parts, bool add_bos, bool add_eos) {
  if (add_bos && !parts.bos) throw Error("BOS is to be added, but has no id");
  if (add_eos && !parts.eos) throw Error("EOS is to be added, but has no id");
  if (add_bos) parts.prefix = {*parts.bos};
  if (add_eos) parts.suffix = {*parts.eos};
}

std::shared_ptr<const Tokenizer> tokenizer_from_sentencepiece(
    std::string_view bytes, const TokenizerConfig& config,
    const std::string& where) {
  try {
    const SentencePieceModel model = parse_sentencepiece_model(bytes);
    refuse_unsupported(model);
    return build(model, config, where);
  } catch (const Error& e) {
    if (std::string_view(e.what()).starts_with(where)) throw;
    throw Error(fmt::format("{}: {}", where, e.what()));
  }
}

}  // namespace pilotfish
