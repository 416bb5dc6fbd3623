#include "text/pipeline_tokenizer.h"

#include <fmt/core.h>

#include <cassert>
#include <unordered_map>
#include <utility>

#include "pilotfish/error.h"

namespace pilotfish {
namespace {

// Offsets inside a text are kept in 32 bits.
constexpr size_t kMaxTextBytes = size_t{1} << 30;
// Longer pieces are seldom seen twice.
constexpr size_t kMaxCachedBytes = 64;

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

// Special tokens are looked for in the text as it stands, whatever their
// "normalized" says: Llama 2's first tokenizer.json sets it, by which "</s>"
// would only be found after a blank, while its SentencePiece and GGUF forms
// find it everywhere.
bool found_after_normalising(const AddedToken& token) {
  return token.normalized && !token.special;
}

void check_literal(std::span<const TextRange> ranges) {
  size_t last = 0;
  for (const TextRange& range : ranges) {
    if (range.begin < last || range.end < range.begin) {
      throw UsageError(fmt::format(
          "the literal range [{}, {}) comes after one that ends at {}, "
          "expected ranges in the order of the text",
          range.begin, range.end, last));
    }
    last = range.end;
  }
}

std::vector<std::pair<std::string, AddedToken>> tokens_of_stage(
    const TokenizerParts& parts, bool after_normalising) {
  std::vector<std::pair<std::string, AddedToken>> tokens;
  for (const AddedToken& token : parts.added) {
    if (found_after_normalising(token) != after_normalising) continue;
    const bool changed = after_normalising && parts.normalizer;
    tokens.emplace_back(
        changed ? parts.normalizer->apply(token.text, /*at_start=*/true)
                : token.text,
        token);
  }
  return tokens;
}

}  // namespace

// One call of encode(): the tokens so far, and what pieces were met before.
class PipelineTokenizer::Encoding {
 public:
  explicit Encoding(const PipelineTokenizer& tokenizer)
      : tokenizer_(tokenizer) {}

  std::vector<Token> run(std::string_view text, const EncodeOptions& options) {
    const TokenizerParts& parts = tokenizer_.parts_;
    if (options.add_special) append(parts.prefix);
    for (const TextSegment& segment : tokenizer_.in_raw_text_.split(
             text, options.parse_special, options.literal)) {
      if (segment.token >= 0) {
        tokens_.push_back(segment.token);
      } else {
        add_stretch(segment.text, segment.text.data() == text.data(),
                    options.parse_special);
      }
    }
    if (options.add_special) append(parts.suffix);
    return std::move(tokens_);
  }

 private:
  struct CachedTokens {
    size_t begin = 0;  // in tokens_
    size_t count = 0;
  };

  void append(const std::vector<Token>& tokens) {
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  }

  void add_stretch(std::string_view text, bool at_start, bool parse_special) {
    const TokenizerParts& parts = tokenizer_.parts_;
    std::string normal(text);
    if (parts.normalizer) {
      normal = parts.normalizer->apply(std::move(normal), at_start);
    }
    if (tokenizer_.in_normal_text_.empty()) {
      add_normal_text(std::move(normal), at_start);
      return;
    }
    for (const TextSegment& segment :
         tokenizer_.in_normal_text_.split(normal, parse_special)) {
      if (segment.token >= 0) {
        tokens_.push_back(segment.token);
      } else {
        add_normal_text(std::string(segment.text),
                        at_start && segment.text.data() == normal.data());
      }
    }
  }

  void add_normal_text(std::string text, bool at_start) {
    PieceList list{std::move(text), {}, at_start};
    list.pieces.push_back({0, list.text.size()});
    if (tokenizer_.parts_.pre_tokenizer) {
      tokenizer_.parts_.pre_tokenizer->apply(list);
    }
    for (const Span piece : list.pieces) {
      add_piece(std::string_view(list.text).substr(piece.begin, piece.size()));
    }
  }

  // Cuts a piece before each blank that ends a word, where the model allows it,
  // so that words can be remembered.
  void add_piece(std::string_view piece) {
    if (!tokenizer_.parts_.model->cuts_before_blank()) {
      add_word(piece);
      return;
    }
    size_t begin = 0;
    size_t after_blank = 0;
    for (size_t blank;
         (blank = piece.find(kBlank, after_blank)) != std::string_view::npos;
         after_blank = blank + kBlank.size()) {
      if (blank == after_blank && blank > 0 &&
          piece.substr(0, blank).ends_with(kBlank)) {
        continue;
      }
      add_word(piece.substr(begin, blank - begin));
      begin = blank;
    }
    add_word(piece.substr(begin));
  }

  void add_word(std::string_view word) {
    if (word.empty()) return;
    const bool cached = word.size() <= kMaxCachedBytes;
    if (cached) {
      if (const auto known = words_.find(word); known != words_.end()) {
        const auto [begin, count] = known->second;
        for (size_t i = begin; i < begin + count; ++i) {
          tokens_.push_back(tokens_[i]);
        }
        return;
      }
    }
    const size_t begin = tokens_.size();
    tokenizer_.parts_.model->encode(word, loop_, tokens_);
    if (cached) {
      words_.emplace(word, CachedTokens{begin, tokens_.size() - begin});
    }
  }

  const PipelineTokenizer& tokenizer_;
  std::vector<Token> tokens_;
  MergeLoop loop_;
  std::unordered_map<std::string, CachedTokens, TextHash, std::equal_to<>>
      words_;
};

PipelineTokenizer::PipelineTokenizer(TokenizerParts parts)
    : parts_(std::move(parts)),
      in_raw_text_(tokens_of_stage(parts_, /*after_normalising=*/false)),
      in_normal_text_(tokens_of_stage(parts_, /*after_normalising=*/true)),
      added_(vocab_size()),
      special_(vocab_size()) {
  assert(parts_.model);
  const auto checked_index = [this](Token token) {
    if (const auto index = index_of(token)) return *index;
    throw Error(fmt::format("token {} is out of range, expected 0 to {}", token,
                            static_cast<std::int64_t>(vocab_size()) - 1));
  };
  for (const AddedToken& token : parts_.added) {
    const size_t index = checked_index(static_cast<Token>(token.id));
    added_[index] = true;
    if (token.special) special_[index] = true;
  }
  for (const Token token : parts_.prefix) checked_index(token);
  for (const Token token : parts_.suffix) checked_index(token);
  for (const auto& end : {parts_.bos, parts_.eos}) {
    if (end) special_[checked_index(*end)] = true;
  }
}

std::vector<Token> PipelineTokenizer::encode(
    std::string_view text, const EncodeOptions& options) const {
  if (text.size() > kMaxTextBytes) {
    throw UsageError(fmt::format("text of {} bytes, expected at most {}",
                                 text.size(), kMaxTextBytes));
  }
  check_literal(options.literal);
  return Encoding(*this).run(text, options);
}

std::string PipelineTokenizer::decode(std::span<const Token> tokens,
                                      bool skip_special) const {
  std::vector<DecodedPart> parts;
  parts.reserve(tokens.size());
  for (const Token token : tokens) {
    const std::string_view text = token_text(token);
    if (text.empty() || (skip_special && is_special(token))) continue;
    parts.push_back({std::string(text), added_[static_cast<size_t>(token)]});
  }
  if (parts_.decoder) parts_.decoder->apply(parts);
  std::string text;
  for (const DecodedPart& part : parts) text += part.text;
  return text;
}

std::string_view PipelineTokenizer::token_text(Token token) const {
  if (!index_of(token)) return {};
  return parts_.vocabulary->text(token);
}

std::optional<Token> PipelineTokenizer::find(
    std::string_view token_text) const {
  return parts_.vocabulary->find(token_text);
}

bool PipelineTokenizer::is_special(Token token) const {
  const auto index = index_of(token);
  return index && special_[*index];
}

// Where the token is in the vocabulary. nullopt: it is a row of the model that
// has no text, which is no mistake.
std::optional<size_t> PipelineTokenizer::index_of(Token token) const {
  if (token < 0) {
    throw UsageError(
        fmt::format("token {} is out of range, expected 0 or more", token));
  }
  const auto index = static_cast<size_t>(token);
  if (index >= vocab_size()) return std::nullopt;
  return index;
}

}  // namespace pilotfish
