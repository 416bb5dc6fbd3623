#include "pilotfish/tokenizer.h"

#include <fmt/core.h>

#include "base/mapped_file.h"
#include "formats/gguf.h"
#include "formats/is_there.h"
#include "formats/known_mistake.h"
#include "pilotfish/error.h"
#include "text/tokenizer_formats.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;
using TokenizerPtr = std::shared_ptr<const Tokenizer>;

TokenizerPtr load_json(const fs::path& path) {
  return tokenizer_from_json(MappedFile::open(path).text(),
                             read_tokenizer_config(path.parent_path()),
                             path.string());
}

TokenizerPtr load_sentencepiece(const fs::path& path) {
  const MappedFile file = MappedFile::open(path);
  if (const auto mistake = known_mistake(file.text())) {
    throw Error(fmt::format("{}: {}", path.string(), *mistake));
  }
  return tokenizer_from_sentencepiece(
      file.text(), read_tokenizer_config(path.parent_path()), path.string());
}

// nullptr where the folder has no tokenizer.
TokenizerPtr load_folder(const fs::path& folder) {
  const fs::path json = folder / "tokenizer.json";
  if (is_there(json)) return load_json(json);
  const fs::path sentencepiece = folder / "tokenizer.model";
  if (is_there(sentencepiece)) return load_sentencepiece(sentencepiece);
  return nullptr;
}

// nullptr where a GGUF file has no tokenizer.
TokenizerPtr load_file(const fs::path& path) {
  refuse_part_of_model(path);
  const MappedFile file = MappedFile::open(path);
  if (file.text().starts_with("GGUF") || path.extension() == ".gguf") {
    const GgufFile gguf = parse_gguf(file);
    const auto* model = gguf.metadata.string("tokenizer.ggml.model");
    if (!model || *model == "none" || *model == "no_vocab") return nullptr;
    return tokenizer_from_gguf(gguf.metadata);
  }
  return path.extension() == ".json" ? load_json(path)
                                     : load_sentencepiece(path);
}

std::string difference_at(const Tokenizer& a, const Tokenizer& b, Token id) {
  return fmt::format("{} is {} and {}", id, quoted_text(a.token_text(id)),
                     quoted_text(b.token_text(id)));
}

}  // namespace

TokenizerPtr Tokenizer::load_if_present(const fs::path& path) {
  if (!is_there(path)) {
    throw Error(fmt::format("{}: no such file or folder", path.string()));
  }
  std::error_code ignored;  // opening a file tells why it cannot be read
  return fs::is_directory(path, ignored) ? load_folder(path) : load_file(path);
}

TokenizerPtr Tokenizer::load(const fs::path& path) {
  if (auto tokenizer = load_if_present(path)) return tokenizer;
  throw Error(fmt::format(
      "{}: has no tokenizer, expected tokenizer.json, tokenizer.model or a "
      "GGUF file with tokenizer.ggml.model",
      path.string()));
}

std::string tokenizer_difference(const Tokenizer& a, const Tokenizer& b) {
  constexpr size_t kShown = 3;
  const size_t shared = std::min(a.vocab_size(), b.vocab_size());
  std::string shown;
  size_t count = 0;
  for (size_t i = 0; i < shared; ++i) {
    const auto id = static_cast<Token>(i);
    if (a.token_text(id) == b.token_text(id)) continue;
    if (++count > kShown) continue;
    if (!shown.empty()) shown += ", ";
    shown += difference_at(a, b, id);
  }
  if (count > 0) {
    return fmt::format("{} of {} tokens differ: {}{}", count, shared, shown,
                       count > kShown ? ", ..." : "");
  }
  const Tokenizer& larger = a.vocab_size() > b.vocab_size() ? a : b;
  for (size_t i = shared; i < larger.vocab_size(); ++i) {
    const std::string_view text = larger.token_text(static_cast<Token>(i));
    if (text.empty()) continue;
    return fmt::format(
        "one has {} tokens, the other {}: {} is {} in the larger one alone",
        a.vocab_size(), b.vocab_size(), i, quoted_text(text));
  }
  return {};
}

std::string doubled_bos_note(const Tokenizer& tokenizer,
                             std::span<const Token> prompt) {
  const auto bos = tokenizer.bos();
  if (!bos || prompt.size() < 2 || prompt[0] != *bos || prompt[1] != *bos) {
    return {};
  }
  return fmt::format(
      "note: the prompt begins with {} twice: it is put in front of every "
      "prompt, and this text has it already; leave it out of the text",
      quoted_text(tokenizer.token_text(*bos)));
}

}  // namespace pilotfish
