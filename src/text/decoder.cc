#include "text/decoder.h"

#include <fmt/core.h>

#include <utility>

#include "text/byte_level.h"
#include "text/json_node.h"
#include "text/regex.h"
#include "text/token_model.h"
#include "text/unicode_form.h"
#include "text/utf8.h"

namespace pilotfish {
namespace {

using DecoderPtr = std::unique_ptr<const Decoder>;

constexpr int kMaxDecoderDepth = 8;

class SequenceDecoder : public Decoder {
 public:
  explicit SequenceDecoder(std::vector<DecoderPtr> steps)
      : steps_(std::move(steps)) {}
  void apply(std::vector<DecodedPart>& parts) const override {
    for (const auto& step : steps_) step->apply(parts);
  }

 private:
  std::vector<DecoderPtr> steps_;
};

class ReplaceDecoder : public Decoder {
 public:
  explicit ReplaceDecoder(Replacement replacement)
      : replacement_(std::move(replacement)) {}
  void apply(std::vector<DecodedPart>& parts) const override {
    for (DecodedPart& part : parts) part.text = replacement_.apply(part.text);
  }

 private:
  Replacement replacement_;
};

class ByteFallbackDecoder : public Decoder {
 public:
  void apply(std::vector<DecodedPart>& parts) const override {
    for (DecodedPart& part : parts) {
      const int byte = byte_of_token_text(part.text);
      if (byte >= 0) part.text.assign(1, static_cast<char>(byte));
    }
  }
};

class ByteLevelDecoder : public Decoder {
 public:
  void apply(std::vector<DecodedPart>& parts) const override {
    for (DecodedPart& part : parts) {
      if (part.added) continue;
      if (auto bytes = byte_level_bytes(part.text)) {
        part.text = *std::move(bytes);
      }
    }
  }
};

class FuseDecoder : public Decoder {
 public:
  void apply(std::vector<DecodedPart>& parts) const override {
    DecodedPart whole;
    for (const DecodedPart& part : parts) whole.text += part.text;
    parts.assign(1, std::move(whole));
  }
};

// Drops up to so many of one character from both ends of every part.
class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string character, size_t start, size_t stop)
      : character_(std::move(character)), start_(start), stop_(stop) {}

  void apply(std::vector<DecodedPart>& parts) const override {
    for (DecodedPart& part : parts) {
      std::string_view text = part.text;
      for (size_t i = 0; i < start_ && text.starts_with(character_); ++i) {
        text.remove_prefix(character_.size());
      }
      for (size_t i = 0; i < stop_ && text.ends_with(character_); ++i) {
        text.remove_suffix(character_.size());
      }
      part.text = std::string(text);
    }
  }

 private:
  std::string character_;
  size_t start_;
  size_t stop_;
};

// Hugging Face's own drops every blank of the first token; one is what the
// pre-tokenizer had put there.
class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(std::string blank, bool strip_first)
      : blank_(std::move(blank)), strip_first_(strip_first) {}

  void apply(std::vector<DecodedPart>& parts) const override {
    if (strip_first_ && !parts.empty() &&
        parts.front().text.starts_with(blank_)) {
      parts.front().text.erase(0, blank_.size());
    }
    for (DecodedPart& part : parts) {
      part.text = replace_all(part.text, blank_, " ");
    }
  }

 private:
  std::string blank_;
  bool strip_first_;
};

DecoderPtr strip_from_json(const JsonNode& node) {
  const std::string character = node.at("content").string();
  if (character.empty() ||
      utf8_character_length(character) != character.size()) {
    throw node.error(fmt::format("found content {}, expected a character",
                                 quoted_text(character)));
  }
  const auto count = [&](const char* key) {
    const JsonNode value = node.at(key);
    if (value.integer() < 0) throw value.error("found a negative number");
    return static_cast<size_t>(value.integer());
  };
  return std::make_unique<StripDecoder>(character, count("start"),
                                        count("stop"));
}

DecoderPtr metaspace_decoder(const JsonNode& node) {
  const std::string replacement =
      node.string("replacement", std::string(kBlank));
  if (replacement.empty()) throw node.error("found an empty replacement");
  const bool never =
      node.string("prepend_scheme", node.boolean("add_prefix_space", true)
                                        ? "always"
                                        : "never") == "never";
  return std::make_unique<MetaspaceDecoder>(replacement, !never);
}

DecoderPtr nested_decoder(const JsonNode& node, int depth) {
  const std::string type = node.at("type").string();
  if (type == "Sequence") {
    if (depth == kMaxDecoderDepth)
      throw node.error("sequences nested too deep");
    std::vector<DecoderPtr> steps;
    for (const JsonNode& step : node.at("decoders").elements()) {
      steps.push_back(nested_decoder(step, depth + 1));
    }
    return std::make_unique<SequenceDecoder>(std::move(steps));
  }
  if (type == "Replace") {
    return std::make_unique<ReplaceDecoder>(replacement_from_json(node));
  }
  if (type == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "Fuse") return std::make_unique<FuseDecoder>();
  if (type == "Strip") return strip_from_json(node);
  if (type == "Metaspace") return metaspace_decoder(node);
  throw node.error(fmt::format(
      "found type {}, expected Sequence, Replace, ByteFallback, ByteLevel, "
      "Fuse, Strip or Metaspace",
      quoted_text(type)));
}

}  // namespace

std::unique_ptr<const Decoder> decoder_from_json(const JsonNode& node) {
  return nested_decoder(node, 0);
}

std::unique_ptr<const Decoder> make_blank_decoder(bool strip_first) {
  std::vector<DecoderPtr> steps;
  steps.push_back(
      std::make_unique<ReplaceDecoder>(Replacement(std::string(kBlank), " ")));
  steps.push_back(std::make_unique<ByteFallbackDecoder>());
  steps.push_back(std::make_unique<FuseDecoder>());
  if (strip_first) steps.push_back(std::make_unique<StripDecoder>(" ", 1, 0));
  return std::make_unique<SequenceDecoder>(std::move(steps));
}

std::unique_ptr<const Decoder> make_byte_level_decoder() {
  return std::make_unique<ByteLevelDecoder>();
}

}  // namespace pilotfish
