#include "text/tokenizer_document.h"

#include <fmt/core.h>

#include <utility>

#include "pilotfish/error.h"
#include "text/bpe.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

using nlohmann::json;

constexpr size_t kMaxJsonDepth = 64;

// Builds `rest` from the parser's events, and sends those inside the two lists
// elsewhere. Each event returns true to go on.
class Handler : public json::json_sax_t {
 public:
  Handler(TokenizerDocument& document, const std::string& where)
      : document_(document), where_(where) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool flag) override { return value(flag); }
  bool number_float(double number, const std::string&) override {
    return value(number);
  }
  bool binary(json::binary_t&) override { return value(nullptr); }

  bool number_integer(std::int64_t number) override {
    return list_ == List::kVocabulary ? entry(number) : value(number);
  }
  bool number_unsigned(std::uint64_t number) override {
    if (list_ != List::kVocabulary) return value(number);
    return entry(number > INT64_MAX ? INT64_MAX
                                    : static_cast<std::int64_t>(number));
  }

  bool string(std::string& text) override {
    if (list_ != List::kMerges) return value(std::move(text));
    if (!in_pair_) {
      const auto pair = split_merge(text);
      if (!pair) fail_merge(quoted_text(text));
      add_merge(std::string(pair->first) + std::string(pair->second),
                pair->first.size());
    } else if (pair_.size() < 2) {
      pair_.push_back(std::move(text));
    } else {
      fail_merge("a third text");
    }
    return true;
  }

  bool key(std::string& text) override {
    key_ = std::move(text);
    if (list_ == List::kNone && open_.back()->contains(key_)) {
      fail(fmt::format("key {} occurs twice in one object", quoted_text(key_)));
    }
    return true;
  }

  bool start_object(size_t) override {
    if (at_list("vocab")) {
      if (std::exchange(document_.has_vocabulary, true)) {
        fail("has model.vocab twice");
      }
      list_ = List::kVocabulary;
      return true;
    }
    return open(json::object());
  }
  bool end_object() override { return close(List::kVocabulary); }

  bool start_array(size_t) override {
    if (list_ == List::kMerges && !in_pair_) {
      in_pair_ = true;
      return true;
    }
    if (at_list("merges")) {
      if (std::exchange(document_.has_merges, true)) {
        fail("has model.merges twice");
      }
      list_ = List::kMerges;
      return true;
    }
    return open(json::array());
  }
  bool end_array() override {
    if (!in_pair_) return close(List::kMerges);
    if (pair_.size() != 2) fail_merge(fmt::format("{} texts", pair_.size()));
    add_merge(pair_[0] + pair_[1], pair_[0].size());
    pair_.clear();
    in_pair_ = false;
    return true;
  }

  bool parse_error(size_t byte, const std::string&,
                   const json::exception& error) override {
    constexpr int kOutOfRange = 406;
    if (error.id == kOutOfRange) fail("a number in it is out of range");
    fail(fmt::format("not valid JSON at byte {}", byte));
  }

 private:
  enum class List { kNone, kVocabulary, kMerges };

  [[noreturn]] void fail(std::string_view message) const {
    throw Error(fmt::format("{}: {}", where_, message));
  }

  [[noreturn]] void fail_merge(std::string_view found) const {
    fail(
        fmt::format("model.merges[{}]: found {}, expected \"left right\" or "
                    "[\"left\", \"right\"]",
                    document_.merges.size(), found));
  }

  // Whether the value that begins now is the model's list of that name.
  bool at_list(std::string_view name) const {
    return list_ == List::kNone && open_.size() == 2 && key_ == name &&
           root_key_ == "model" && open_.back()->is_object();
  }

  bool entry(std::int64_t id) {
    if (document_.vocabulary.find(key_)) {
      fail(
          fmt::format("model.vocab: token {} occurs twice", quoted_text(key_)));
    }
    try {
      document_.vocabulary.add(id, key_);
    } catch (const Error& e) {
      fail(fmt::format("model.vocab: {}", e.what()));
    }
    return true;
  }

  void add_merge(std::string text, size_t split) {
    document_.merges.push_back({std::move(text), split});
  }

  bool value(json element) {
    place(std::move(element));
    return true;
  }

  bool open(json container) {
    if (open_.size() == kMaxJsonDepth) {
      fail(fmt::format("JSON nested deeper than {} levels", kMaxJsonDepth));
    }
    if (open_.size() == 1) root_key_ = key_;
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close(List list) {
    if (list_ == List::kNone) {
      open_.pop_back();
    } else if (list_ == list) {
      list_ = List::kNone;
    }
    return true;
  }

  // Puts `element` where the parser is; open containers stay where they are.
  json* place(json element) {
    if (list_ == List::kVocabulary) {
      fail(fmt::format("model.vocab: token {} has no integer id",
                       quoted_text(key_)));
    }
    if (list_ == List::kMerges) fail_merge(element.type_name());
    if (open_.empty()) {
      document_.rest = std::move(element);
      return &document_.rest;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(element));
      return &parent.back();
    }
    return &(parent[key_] = std::move(element));
  }

  TokenizerDocument& document_;
  const std::string& where_;
  std::vector<json*> open_;  // containers of `rest` around the parser
  std::string key_;          // the latest key
  std::string root_key_;     // the one of the value inside the root
  List list_ = List::kNone;
  bool in_pair_ = false;
  std::vector<std::string> pair_;
};

}  // namespace

TokenizerDocument parse_tokenizer_document(std::string_view text,
                                           const std::string& where) {
  TokenizerDocument document;
  Handler handler(document, where);
  json::sax_parse(text, &handler);
  if (!document.rest.is_object()) {
    throw Error(fmt::format("{}: found a JSON {}, expected an object", where,
                            document.rest.type_name()));
  }
  return document;
}

}  // namespace pilotfish
