#include "server/api/prompt_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/api/decoding_fields.h"
#include "server/api/token_words.h"

namespace pilotfish::server {
namespace {

class PromptReader {
 public:
  explicit PromptReader(const ServerContext& context) : context_(context) {}

  TextPrompt text(const InJson& value, const std::string& path) const {
    TextPrompt prompt;
    prompt.text = value.get<std::string>();
    prompt.tokens = context_.tokenizer->encode(prompt.text);
    if (!prompt.tokens.empty()) return prompt;
    const std::optional<Token> bos = context_.tokenizer->bos();
    if (!bos) {
      throw bad_field(path,
                      "is empty, and the model has no BOS token to "
                      "start from");
    }
    prompt.tokens = {*bos};
    return prompt;
  }

  TextPrompt ids(const InJson& value, const std::string& path) const {
    return of_tokens(tokens_at(value, path), path);
  }

  // BOS comes first where the first part is a text.
  TextPrompt mixed(const InJson& value, const std::string& path) const {
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (value[i].is_string()) {
        const auto more = context_.tokenizer->encode(
            value[i].get<std::string>(), {.add_special = i == 0});
        tokens.insert(tokens.end(), more.begin(), more.end());
      } else {
        tokens.push_back(token_at(value[i], fmt::format("{}[{}]", path, i)));
      }
    }
    return of_tokens(std::move(tokens), path);
  }

 private:
  TextPrompt of_tokens(std::vector<Token> tokens,
                       const std::string& path) const {
    if (tokens.empty()) throw bad_field(path, "has no tokens");
    check_tokens(tokens, path, context_);
    return {tokens, valid_text(context_.tokenizer->decode(tokens))};
  }

  const ServerContext& context_;
};

}  // namespace

std::vector<TextPrompt> prompt_fields(const Fields& fields,
                                      std::string_view name,
                                      const ServerContext& context,
                                      bool mixed) {
  const PromptReader reader(context);
  const std::string path = fields.path_of(name);
  const InJson* value = fields.find(name);
  if (value == nullptr) fields.refuse(name, "is missing");
  if (value->is_string()) return {reader.text(*value, path)};
  if (!value->is_array()) {
    fields.refuse(name, "is neither a text nor an array");
  }
  if (value->empty()) fields.refuse(name, "is empty");
  const auto is_id = [](const InJson& one) { return one.is_number(); };
  if (std::ranges::all_of(*value, is_id)) return {reader.ids(*value, path)};
  if (mixed && std::ranges::any_of(*value, is_id)) {
    return {reader.mixed(*value, path)};
  }
  std::vector<TextPrompt> prompts;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const InJson& one = (*value)[i];
    const std::string at = fmt::format("{}[{}]", path, i);
    if (one.is_string()) {
      prompts.push_back(reader.text(one, at));
    } else {
      prompts.push_back(reader.ids(one, at));
    }
  }
  return prompts;
}

}  // namespace pilotfish::server
