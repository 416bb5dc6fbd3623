#include "pilotfish/pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Model> load_part(const OpenPairOptions& options,
                                 PairPart part) {
  const bool is_draft = part == PairPart::kDraft;
  LoadOptions load = options.load;
  if (is_draft) {
    load.dtype = options.draft_dtype;
    load.layers = options.draft_layers;
    load.ranks = options.draft_ranks;
  }
  load.progress = nullptr;
  if (options.progress) {
    load.progress = [&](double fraction) { options.progress(part, fraction); };
  }
  return Model::load(is_draft ? options.draft : options.target, load);
}

// Why the draft's tokens do not mean the same as the target's; empty where they
// do. Where a tokenizer is missing, equal vocabulary sizes are taken as
// agreement. Different sizes prove nothing, as padding differs among models of
// one family, so they are refused until both tokenizers can be compared.
std::string vocabulary_difference(const OpenPairOptions& options,
                                  const Pair& pair) {
  if (options.draft == options.target) return {};
  const auto drafts = Tokenizer::load_if_present(options.draft);
  if (pair.tokenizer && drafts) {
    return tokenizer_difference(*pair.tokenizer, *drafts);
  }
  const std::int64_t target_size = pair.target->config().vocab_size;
  const std::int64_t draft_size = pair.draft->config().vocab_size;
  if (target_size == draft_size) return {};
  const std::string_view without = !pair.tokenizer ? "target" : "draft";
  return fmt::format(
      "it has {} tokens, the target {}, and the {} has no tokenizer to compare "
      "them by; put the {}'s tokenizer.json, tokenizer.model or GGUF tokens "
      "with it",
      draft_size, target_size, without, without);
}

}  // namespace

const Tokenizer& Pair::text(std::string_view need) const {
  if (tokenizer) return *tokenizer;
  throw UsageError(
      fmt::format("{}: has no tokenizer, which {} needs; give token ids",
                  target->path().string(), need));
}

Pair open_pair(const OpenPairOptions& options) {
  Pair pair;
  pair.tokenizer = Tokenizer::load_if_present(options.target);
  pair.target = load_part(options, PairPart::kTarget);
  if (options.draft.empty()) return pair;
  pair.draft = load_part(options, PairPart::kDraft);
  if (const auto difference = vocabulary_difference(options, pair);
      !difference.empty()) {
    throw UsageError(fmt::format("{} cannot draft for {}: {}",
                                 options.draft.string(),
                                 options.target.string(), difference));
  }
  return pair;
}

std::optional<fs::path> shipped_model(std::string_view name) {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path folder = program.parent_path();
  // Installed as bin/pilotfish; built as build/PRESET/pilotfish.
  for (const fs::path& models :
       {folder.parent_path() / "share" / "pilotfish" / "models",
        folder.parent_path().parent_path() / "models", fs::path("models")}) {
    if (fs::exists(models / name, ignored)) return models / name;
  }
  return std::nullopt;
}

std::vector<Token> plain_tokens(const Tokenizer& tokenizer,
                                std::string_view text) {
  return tokenizer.encode(text, {.add_special = false, .parse_special = false});
}

std::vector<std::vector<Token>> usual_tokens(const Tokenizer& tokenizer,
                                             const std::string& text) {
  if (text.empty()) throw UsageError("bad word: the text is empty");
  std::vector<std::vector<Token>> found;
  const auto add = [&](std::vector<Token> tokens) {
    if (!tokens.empty() && std::ranges::count(found, tokens) == 0) {
      found.push_back(std::move(tokens));
    }
  };
  add(plain_tokens(tokenizer, text));
  add(plain_tokens(tokenizer, " " + text));
  const std::vector<Token> line = plain_tokens(tokenizer, "\n");
  const std::vector<Token> inside = plain_tokens(tokenizer, "\n" + text);
  if (inside.size() > line.size() &&
      std::equal(line.begin(), line.end(), inside.begin())) {
    add({inside.begin() + static_cast<long>(line.size()), inside.end()});
  }
  return found;
}

std::vector<Token> prompt_tokens(const Pair& pair, std::string_view text) {
  std::vector<Token> tokens = pair.text("a prompt").encode(text);
  if (!tokens.empty()) return tokens;
  const Token bos = pair.target->config().bos;
  if (bos < 0) {
    throw UsageError(
        "prompt: it is empty, and the model has no BOS token to start from");
  }
  return {bos};
}

ChatTemplate chat_template_of(const Pair& pair, std::string_view source) {
  return chat_template_of(pair.text("a chat template"), source,
                          pair.target->path().string());
}

std::int64_t positions_needed(const Pair& pair, std::int64_t prompt_tokens,
                              std::int64_t max_tokens) {
  const std::int64_t most = pair.target->config().n_positions;
  if (max_tokens < 0 || max_tokens > most) return most;
  return std::min(most, max_tokens + prompt_tokens);
}

}  // namespace pilotfish
