#include <fmt/core.h>

#include <utility>

#include "pilotfish/error.h"
#include "text/bpe.h"
#include "text/json_node.h"
#include "text/pipeline_tokenizer.h"
#include "text/tokenizer_document.h"
#include "text/tokenizer_formats.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

constexpr int kMaxProcessorDepth = 8;

void refuse_unless_empty(const JsonNode& model, const char* key) {
  const auto node = model.find(key);
  if (node && !node->string().empty()) {
    throw node->error(fmt::format("found {}, which is not supported",
                                  quoted_text(node->string())));
  }
}

BpeOptions read_bpe_options(const JsonNode& model,
                            const Vocabulary& vocabulary) {
  refuse_unless_empty(model, "continuing_subword_prefix");
  refuse_unless_empty(model, "end_of_word_suffix");
  if (const auto dropout = model.find("dropout")) {
    if (!dropout->value().is_number() || dropout->value().get<double>() != 0) {
      throw dropout->error("random merges are not supported, expected null");
    }
  }
  BpeOptions options;
  options.ignore_merges = model.boolean("ignore_merges", false);
  options.byte_fallback = model.boolean("byte_fallback", false);
  options.fuse_unknown = model.boolean("fuse_unk", false);
  if (const auto unknown = model.find("unk_token")) {
    const auto id = vocabulary.find(unknown->string());
    if (!id) {
      throw unknown->error(fmt::format("{} is not in the vocabulary",
                                       quoted_text(unknown->string())));
    }
    options.unknown = *id;
  }
  return options;
}

std::vector<AddedToken> read_added_tokens(const JsonNode& root) {
  std::vector<AddedToken> tokens;
  const auto node = root.find("added_tokens");
  if (!node) return tokens;
  for (const JsonNode& entry : node->elements()) {
    AddedToken token;
    token.id = entry.at("id").integer();
    token.text = entry.at("content").string();
    token.special = entry.boolean("special", false);
    token.single_word = entry.boolean("single_word", false);
    token.lstrip = entry.boolean("lstrip", false);
    token.rstrip = entry.boolean("rstrip", false);
    token.normalized = entry.boolean("normalized", !token.special);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// What a post-processor puts around a text.
struct Frame {
  std::vector<Token> prefix;
  std::vector<Token> suffix;
};

Token checked_token(const JsonNode& node, const Vocabulary& vocabulary) {
  const std::int64_t id = node.integer();
  if (id < 0 || id >= static_cast<std::int64_t>(vocabulary.size())) {
    throw node.error(fmt::format("found id {}, expected one below {}", id,
                                 vocabulary.size()));
  }
  return static_cast<Token>(id);
}

Frame read_template(const JsonNode& node, const Vocabulary& vocabulary) {
  Frame frame;
  bool after_text = false;
  for (const JsonNode& item : node.at("single").elements()) {
    if (item.find("Sequence")) {
      if (after_text) throw item.error("found a second Sequence");
      after_text = true;
      continue;
    }
    const std::string name = item.at("SpecialToken").at("id").string();
    const JsonNode ids = node.at("special_tokens").at(name.c_str()).at("ids");
    for (const JsonNode& id : ids.elements()) {
      (after_text ? frame.suffix : frame.prefix)
          .push_back(checked_token(id, vocabulary));
    }
  }
  if (!after_text) throw node.error("\"single\" has no Sequence");
  return frame;
}

Frame read_post_processor(const JsonNode& node, const Vocabulary& vocabulary,
                          int depth = 0) {
  const std::string type = node.at("type").string();
  if (type == "ByteLevel") return {};  // only offsets, which are not kept
  if (type == "TemplateProcessing") return read_template(node, vocabulary);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto id_of = [&](const char* key) {
      const auto pair = node.at(key).elements();  // [text, id]
      if (pair.size() != 2) throw node.at(key).error("expected [text, id]");
      return checked_token(pair[1], vocabulary);
    };
    return {{id_of("cls")}, {id_of("sep")}};
  }
  if (type != "Sequence") {
    throw node.error(
        fmt::format("found type {}, expected TemplateProcessing, ByteLevel, "
                    "BertProcessing, RobertaProcessing or Sequence",
                    quoted_text(type)));
  }
  if (depth == kMaxProcessorDepth)
    throw node.error("sequences nested too deep");
  Frame frame;
  for (const JsonNode& step : node.at("processors").elements()) {
    Frame outer = read_post_processor(step, vocabulary, depth + 1);
    frame.prefix.insert(frame.prefix.begin(), outer.prefix.begin(),
                        outer.prefix.end());
    frame.suffix.insert(frame.suffix.end(), outer.suffix.begin(),
                        outer.suffix.end());
  }
  return frame;
}

// transformers builds the post-processor of Llama tokenizers anew from these
// two flags.
void apply_llama_flags(const TokenizerConfig& config, TokenizerParts& parts) {
  if (!config.tokenizer_class.starts_with("LlamaTokenizer")) return;
  if (config.add_bos) {
    parts.prefix.clear();
    if (*config.add_bos && parts.bos) parts.prefix = {*parts.bos};
  }
  if (config.add_eos) {
    parts.suffix.clear();
    if (*config.add_eos && parts.eos) parts.suffix = {*parts.eos};
  }
}

void check_model(const JsonNode& model, const TokenizerDocument& document) {
  // Older files leave the type out.
  const std::string type =
      model.string("type", document.has_merges ? "BPE" : "");
  if (type != "BPE") {
    throw model.error(fmt::format(
        "found type {}, expected BPE, the only kind that is supported",
        quoted_text(type)));
  }
  if (!document.has_vocabulary) {
    throw model.error("has no \"vocab\", or one that is not an object");
  }
  if (!document.has_merges) {
    throw model.error("has no \"merges\", or some that are not an array");
  }
}

// Tells by id which tokens have a text.
std::vector<bool> used_ids(const Vocabulary& vocabulary) {
  std::vector<bool> used(vocabulary.size());
  for (size_t id = 0; id < used.size(); ++id) {
    used[id] = !vocabulary.text(static_cast<Token>(id)).empty();
  }
  return used;
}

std::vector<BpeModel::Pair> pairs(
    const std::vector<TokenizerDocument::Merge>& merges) {
  std::vector<BpeModel::Pair> result;
  result.reserve(merges.size());
  for (const auto& merge : merges) {
    result.emplace_back(merge.left(), merge.right());
  }
  return result;
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_from_json(
    std::string_view text, const TokenizerConfig& config,
    const std::string& where) {
  TokenizerDocument document = parse_tokenizer_document(text, where);
  const JsonNode root(document.rest, where);
  const JsonNode model = root.at("model");
  check_model(model, document);

  TokenizerParts parts;
  auto vocabulary =
      std::make_shared<Vocabulary>(std::move(document.vocabulary));
  std::vector<bool> usable = used_ids(*vocabulary);
  const BpeOptions options = read_bpe_options(model, *vocabulary);
  parts.added = read_added_tokens(root);
  add_tokens(parts.added, *vocabulary, where);
  add_configured_tokens(config, parts.added, *vocabulary, where);
  try {
    parts.model = std::make_unique<BpeModel>(vocabulary, std::move(usable),
                                             pairs(document.merges), options);
  } catch (const Error& e) {
    throw model.error(e.what());
  }
  if (const auto node = root.find("normalizer")) {
    parts.normalizer = normalizer_from_json(*node);
  }
  if (const auto node = root.find("pre_tokenizer")) {
    parts.pre_tokenizer = pre_tokenizer_from_json(*node);
  }
  if (const auto node = root.find("decoder")) {
    parts.decoder = decoder_from_json(*node);
  }
  if (const auto node = root.find("post_processor")) {
    Frame frame = read_post_processor(*node, *vocabulary);
    parts.prefix = std::move(frame.prefix);
    parts.suffix = std::move(frame.suffix);
  }
  parts.bos = config.bos(*vocabulary);
  parts.eos = config.eos(*vocabulary);
  apply_llama_flags(config, parts);
  parts.chat_template = config.chat_template;
  parts.vocabulary = std::move(vocabulary);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace pilotfish
