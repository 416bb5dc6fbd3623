#include "text/normalizer.h"

#include <fmt/core.h>

#include <algorithm>

#include "text/byte_level.h"
#include "text/json_node.h"
#include "text/regex.h"
#include "text/token_model.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

using NormalizerPtr = std::unique_ptr<const Normalizer>;

constexpr int kMaxNormalizerDepth = 8;
// A chain of replacements can multiply a text's length at every step; nothing
// in use comes near this.
constexpr size_t kMaxGrowth = 64;
constexpr size_t kFreeGrowth = 1 << 16;

// Any step that needs neither the context nor more than a function.
template <class Function>
class FunctionNormalizer : public Normalizer {
 public:
  explicit FunctionNormalizer(Function function)
      : function_(std::move(function)) {}
  std::string apply(std::string text, bool) const override {
    return function_(std::move(text));
  }

 private:
  Function function_;
};

template <class Function>
NormalizerPtr make(Function function) {
  return std::make_unique<FunctionNormalizer<Function>>(std::move(function));
}

class SequenceNormalizer : public Normalizer {
 public:
  explicit SequenceNormalizer(std::vector<NormalizerPtr> steps)
      : steps_(std::move(steps)) {}

  std::string apply(std::string text, bool at_start) const override {
    const size_t most = kFreeGrowth + kMaxGrowth * text.size();
    for (const auto& step : steps_) {
      text = step->apply(std::move(text), at_start);
      if (text.size() > most) {
        throw Error(fmt::format(
            "the tokenizer's normalizers expand a text to {} bytes, expected "
            "at most {}",
            text.size(), most));
      }
    }
    return text;
  }

 private:
  std::vector<NormalizerPtr> steps_;
};

class BlankNormalizer : public Normalizer {
 public:
  explicit BlankNormalizer(BlankRules rules) : rules_(rules) {}

  std::string apply(std::string text, bool at_start) const override {
    if (rules_.remove_extra) text = without_repeated_spaces(text);
    if (text.empty()) return text;
    const bool prefixed =
        rules_.prefix == BlankRules::Prefix::kAlways ||
        (rules_.prefix == BlankRules::Prefix::kFirst && at_start);
    const std::string_view blank = rules_.escape ? kBlank : " ";
    std::string out = replace_all(text, " ", blank);
    if (prefixed) out.insert(0, blank);
    // SentencePiece drops a U+2581 that ends the text like a space there.
    while (rules_.remove_extra && out.ends_with(blank)) {
      out.erase(out.size() - blank.size());
    }
    return out;
  }

 private:
  static std::string without_repeated_spaces(std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
      out += c;
    }
    return out;
  }

  BlankRules rules_;
};

NormalizerPtr make_strip(const JsonNode& node) {
  const bool left = node.boolean("strip_left", true);
  const bool right = node.boolean("strip_right", true);
  return make([left, right](std::string text) {
    if (right) text.resize(text.size() - trailing_white_space(text));
    if (left) text.erase(0, leading_white_space(text));
    return text;
  });
}

NormalizerPtr make_form(UnicodeForm form) {
  return make(
      [form](const std::string& text) { return to_unicode_form(text, form); });
}

NormalizerPtr nested_normalizer(const JsonNode& node, int depth) {
  const std::string type = node.at("type").string();
  if (type == "Sequence") {
    if (depth == kMaxNormalizerDepth)
      throw node.error("sequences nested too deep");
    std::vector<NormalizerPtr> steps;
    for (const JsonNode& step : node.at("normalizers").elements()) {
      steps.push_back(nested_normalizer(step, depth + 1));
    }
    return std::make_unique<SequenceNormalizer>(std::move(steps));
  }
  if (type == "Prepend") {
    const std::string prefix = node.at("prepend").string();
    return make([prefix](std::string text) {
      return text.empty() ? text : prefix + text;
    });
  }
  if (type == "Replace") {
    return make(
        [replacement = replacement_from_json(node)](const std::string& text) {
          return replacement.apply(text);
        });
  }
  if (type == "Strip") return make_strip(node);
  if (type == "NFC") return make_form(UnicodeForm::kNfc);
  if (type == "NFD") return make_form(UnicodeForm::kNfd);
  if (type == "NFKC") return make_form(UnicodeForm::kNfkc);
  if (type == "NFKD") return make_form(UnicodeForm::kNfkd);
  if (type == "Lowercase") return make(to_lower_case);
  if (type == "StripAccents") return make(strip_accents);
  if (type == "ByteLevel") {
    return make([](const std::string& text) {
      std::string out;
      append_byte_level(text, out);
      return out;
    });
  }
  throw node.error(fmt::format(
      "found type {}, expected Sequence, Prepend, Replace, Strip, NFC, NFD, "
      "NFKC, NFKD, Lowercase, StripAccents or ByteLevel",
      quoted_text(type)));
}

}  // namespace

std::unique_ptr<const Normalizer> normalizer_from_json(const JsonNode& node) {
  return nested_normalizer(node, 0);
}

std::unique_ptr<const Normalizer> make_blank_normalizer(BlankRules rules) {
  return std::make_unique<BlankNormalizer>(rules);
}

std::unique_ptr<const Normalizer> make_nfc_normalizer() {
  return make_form(UnicodeForm::kNfc);
}

}  // namespace pilotfish
