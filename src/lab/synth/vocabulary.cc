#include "lab/synth/vocabulary.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "lab/convert/tokenizer_to_gguf.h"
#include "pilotfish/error.h"
#include "text/spm_bpe.h"

namespace pilotfish {
namespace {

constexpr std::string_view kBlank = "\u2581";

// a, b, ..., z, aa, ab, ...: every word but the first 26 is an earlier one and
// a letter.
std::string word(std::int64_t number) {
  constexpr std::int64_t kLetters = 26;
  std::string text;
  for (++number; number > 0; number = (number - 1) / kLetters) {
    text.insert(text.begin(), static_cast<char>('a' + (number - 1) % kLetters));
  }
  return text;
}

class MadeUpVocabulary {
 public:
  explicit MadeUpVocabulary(const ModelConfig& config)
      : size_(static_cast<size_t>(config.vocab_size)), specials_(size_) {
    const size_t fewest = 257 + 1 + config.eos.size();
    if (size_ < fewest) {
      throw UsageError(fmt::format(
          "vocabulary of {}: one that holds every byte needs {} tokens", size_,
          fewest));
    }
    const auto reserve = [&](Token id, std::string text) {
      specials_[static_cast<size_t>(id)] = std::move(text);
    };
    if (config.bos >= 0) reserve(config.bos, "<s>");
    for (size_t i = 0; i < config.eos.size(); ++i) {
      reserve(config.eos[i], i == 0 ? "</s>" : fmt::format("<end{}>", i));
    }
    add("<unk>", PieceType::kUnknown);
    for (int byte = 0; byte < 256; ++byte) {
      add(fmt::format("<0x{:02X}>", byte), PieceType::kByte);
    }
    add(std::string(kBlank), PieceType::kNormal);
    for (char c = '!'; c <= '~'; ++c) {
      add(std::string(1, c), PieceType::kNormal);
    }
    for (std::int64_t number = 0; texts_.size() < size_; ++number) {
      const std::string text = word(number);
      add(std::string(kBlank) + text, PieceType::kNormal);
      if (text.size() > 1) add(text, PieceType::kNormal);
    }
    add_specials();
  }

  void write(GgufHeader& header) const {
    header.set_string("tokenizer.ggml.model", "llama");
    header.set_string("tokenizer.ggml.pre", "default");
    header.set_strings("tokenizer.ggml.tokens", texts_);
    header.set_f32s("tokenizer.ggml.scores", scores_);
    header.set_i32s("tokenizer.ggml.token_type", types_);
    header.set_u32("tokenizer.ggml.unknown_token_id",
                   static_cast<std::uint32_t>(unknown_));
    header.set_bool("tokenizer.ggml.add_space_prefix", true);
  }

 private:
  void add(std::string text, PieceType type) {
    add_specials();
    if (texts_.size() == size_) return;
    if (type == PieceType::kUnknown) unknown_ = texts_.size();
    push(std::move(text), type);
  }

  // Those whose ids come next.
  void add_specials() {
    while (texts_.size() < size_ && !specials_[texts_.size()].empty()) {
      push(specials_[texts_.size()], PieceType::kControl);
    }
  }

  // What comes earlier is merged first.
  void push(std::string text, PieceType type) {
    scores_.push_back(
        type == PieceType::kNormal ? -static_cast<float>(texts_.size()) : 0.0F);
    texts_.push_back(std::move(text));
    types_.push_back(static_cast<std::int32_t>(type));
  }

  const size_t size_;
  std::vector<std::string> specials_;  // by id; empty: none
  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::vector<std::int32_t> types_;
  size_t unknown_ = 0;
};

}  // namespace

void set_made_up_vocabulary(const ModelConfig& config, GgufHeader& header) {
  MadeUpVocabulary(config).write(header);
  set_special_ids(config.bos, config.eos, header);
  header.set_bool("tokenizer.ggml.add_bos_token", config.bos >= 0);
  header.set_bool("tokenizer.ggml.add_eos_token", false);
}

}  // namespace pilotfish
