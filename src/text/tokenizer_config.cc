#include "text/tokenizer_config.h"

#include <fmt/core.h>

#include <charconv>
#include <map>
#include <set>

#include "base/mapped_file.h"
#include "formats/is_there.h"
#include "text/json_node.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

// Calls read(root) where the folder has the file.
template <class Read>
void read_if_present(const std::filesystem::path& path, Read&& read) {
  if (!is_there(path)) return;
  const MappedFile file = MappedFile::open(path);
  const nlohmann::json document = parse_json(file.text(), path.string());
  read(JsonNode(document, path.string()));
}

// A token is written as its text, or as an object that describes it.
std::optional<std::string> token_text(const JsonNode& root, const char* key) {
  const auto node = root.find(key);
  if (!node) return std::nullopt;
  if (node->value().is_object()) return node->at("content").string();
  return node->string();
}

std::optional<bool> flag(const JsonNode& root, const char* key) {
  const auto node = root.find(key);
  if (!node) return std::nullopt;
  return node->boolean();
}

// The template as it is, or of several the default one, else the only one: an
// object of templates by name, or a list of objects that hold both. Whatever
// else stands there is no template, which a model need not have.
std::string chat_template(const JsonNode& root) {
  const auto node = root.find("chat_template");
  if (!node) return {};
  if (node->value().is_string()) return node->string();
  std::map<std::string, std::string> named;
  const auto add = [&](const nlohmann::json& name, const nlohmann::json& text) {
    if (name.is_string() && text.is_string()) named[name] = text;
  };
  if (node->value().is_object()) {
    for (const auto& [name, text] : node->value().items()) add(name, text);
  } else if (node->value().is_array()) {
    for (const nlohmann::json& entry : node->value()) {
      if (!entry.is_object()) continue;
      add(entry.value("name", nlohmann::json()),
          entry.value("template", nlohmann::json()));
    }
  }
  if (const auto found = named.find("default"); found != named.end()) {
    return found->second;
  }
  return named.size() == 1 ? named.begin()->second : std::string();
}

std::vector<AddedToken> added_tokens(const JsonNode& root) {
  std::vector<AddedToken> tokens;
  const auto node = root.find("added_tokens_decoder");
  if (!node) return tokens;
  if (!node->value().is_object()) throw node->error("expected an object");
  for (const auto& [key, value] : node->value().items()) {
    const JsonNode entry(value, node->where() + "." + quoted_text(key));
    AddedToken token;
    const char* const end = key.data() + key.size();
    const auto [stop, error] = std::from_chars(key.data(), end, token.id);
    if (error != std::errc() || stop != end) {
      throw node->error(
          fmt::format("found key {}, expected a token id", quoted_text(key)));
    }
    token.text = entry.at("content").string();
    token.special = entry.boolean("special", false);
    token.single_word = entry.boolean("single_word", false);
    token.lstrip = entry.boolean("lstrip", false);
    token.rstrip = entry.boolean("rstrip", false);
    token.normalized = entry.boolean("normalized", false);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void read_tokenizer_config_json(const JsonNode& root, TokenizerConfig& config) {
  config.bos_text = token_text(root, "bos_token");
  config.eos_text = token_text(root, "eos_token");
  config.add_bos = flag(root, "add_bos_token");
  config.add_eos = flag(root, "add_eos_token");
  config.tokenizer_class = root.string("tokenizer_class", "");
  config.legacy = root.boolean("legacy", true);
  config.added = added_tokens(root);
  config.chat_template = chat_template(root);
}

// One id, or a list whose first is the tokenizer's own.
std::optional<std::int64_t> token_id(const JsonNode& root, const char* key) {
  const auto node = root.find(key);
  if (!node) return std::nullopt;
  if (!node->value().is_array()) return node->integer();
  const auto ids = node->elements();
  if (ids.empty()) return std::nullopt;
  return ids.front().integer();
}

std::optional<Token> resolve(const Vocabulary& vocabulary,
                             const std::optional<std::string>& text,
                             std::optional<std::int64_t> id) {
  if (text) {
    if (const auto found = vocabulary.find(*text)) return found;
  }
  if (id && *id >= 0 && *id < static_cast<std::int64_t>(vocabulary.size())) {
    return static_cast<Token>(*id);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Token> TokenizerConfig::bos(const Vocabulary& vocabulary) const {
  return resolve(vocabulary, bos_text, bos_id);
}

std::optional<Token> TokenizerConfig::eos(const Vocabulary& vocabulary) const {
  return resolve(vocabulary, eos_text, eos_id);
}

void add_configured_tokens(const TokenizerConfig& config,
                           std::vector<AddedToken>& added,
                           Vocabulary& vocabulary, const std::string& where) {
  std::set<std::int64_t> known;
  for (const AddedToken& token : added) known.insert(token.id);
  std::vector<AddedToken> extra;
  for (const AddedToken& token : config.added) {
    if (!known.contains(token.id)) extra.push_back(token);
  }
  add_tokens(extra, vocabulary, where + ", with tokenizer_config.json");
  added.insert(added.end(), extra.begin(), extra.end());
}

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  TokenizerConfig config;
  read_if_present(folder / "tokenizer_config.json", [&](const JsonNode& root) {
    read_tokenizer_config_json(root, config);
  });
  read_if_present(folder / "special_tokens_map.json",
                  [&](const JsonNode& root) {
                    if (!config.bos_text)
                      config.bos_text = token_text(root, "bos_token");
                    if (!config.eos_text)
                      config.eos_text = token_text(root, "eos_token");
                  });
  read_if_present(folder / "config.json", [&](const JsonNode& root) {
    config.bos_id = token_id(root, "bos_token_id");
    config.eos_id = token_id(root, "eos_token_id");
  });
  // Here the processors of multimodal models keep their template.
  read_if_present(folder / "chat_template.json", [&](const JsonNode& root) {
    if (config.chat_template.empty()) {
      config.chat_template = chat_template(root);
    }
  });
  const auto jinja = folder / "chat_template.jinja";
  if (is_there(jinja)) {
    config.chat_template = MappedFile::open(jinja).text();
  }
  return config;
}

}  // namespace pilotfish
