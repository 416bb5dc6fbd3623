#ifndef PILOTFISH_ANSWERS_TESTING_TRY_ANSWER_H_
#define PILOTFISH_ANSWERS_TESTING_TRY_ANSWER_H_

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answers/testing/byte_tokenizer.h"
#include "constraint/matcher.h"
#include "pilotfish/answers.h"
#include "text/utf8.h"

// What fuzzers do with an answer that a model might give; the unit tests replay
// the cases they keep. Aborts where the reader breaks a promise.
namespace pilotfish::test {

class AnswerTrial {
 public:
  // `shown`: what of a template its format is known by.
  explicit AnswerTrial(const char* shown)
      : tokenizer_(
            {"[TOOL_CALLS]", "<|python_tag|>", "<｜tool▁calls▁begin｜>"}),
        syntax_(shown, tokenizer_) {
    rules_.tools = {{.name = "get",
                     .parameters = R"({"properties": {"a": {"type": "string"},
                          "n": {"type": ["integer", "array"]}}})"},
                    {.name = "get_all"}};
    matcher_ = std::make_unique<Matcher>(answer_constraint(rules_, syntax_),
                                         vocabulary_of(tokenizer_));
  }

  // `cut`: after how many bytes a piece ends.
  void read(std::string_view answer, std::size_t cut) const {
    const std::vector<Token> tokens =
        tokenizer_.encode(to_valid_utf8(answer), {});
    std::string stream;
    for (const Token token : tokens) {
      stream += tokenizer_.is_special(token) ? syntax_.mark(token)
                                             : tokenizer_.token_text(token);
    }
    const Parts whole = parts(stream, stream.size());
    require(parts(stream, cut) == whole);
    if (!is_allowed(tokens)) return;
    for (const std::string& call : whole.calls) {
      const auto json =
          nlohmann::json::parse(call.substr(call.find(' ')), nullptr, false);
      require(json.is_object());
    }
  }

 private:
  struct Parts {
    std::string text;
    std::vector<std::string> calls;  // "NAME ARGUMENTS"
    bool operator==(const Parts&) const = default;
  };

  static void require(bool holds) {
    if (!holds) std::abort();
  }

  Parts parts(std::string_view stream, std::size_t cut) const {
    ToolCallReader reader(rules_, syntax_);
    Parts parts;
    while (!stream.empty()) {
      std::size_t length =
          std::min(std::max<std::size_t>(cut, 1), stream.size());
      // Characters come whole.
      while (length < stream.size() &&
             (static_cast<unsigned char>(stream[length]) & 0xC0) == 0x80) {
        ++length;
      }
      add(parts, reader.push(stream.substr(0, length)));
      stream.remove_prefix(length);
    }
    add(parts, reader.finish());
    return parts;
  }

  void add(Parts& parts, const ToolCallReader::Read& read) const {
    require(is_valid_utf8(read.text));
    parts.text += read.text;
    for (const ToolCallDelta& call : read.calls) {
      const bool begins = call.index == parts.calls.size();
      require(begins || call.index + 1 == parts.calls.size());
      require(begins == !call.name.empty());
      if (begins) parts.calls.push_back(call.name + ' ');
      parts.calls.back() += call.arguments;
    }
  }

  bool is_allowed(const std::vector<Token>& tokens) const {
    Matcher::State state = matcher_->begin();
    for (const Token token : tokens) {
      if (!matcher_->advance(state, token)) return false;
    }
    return matcher_->may_end(state);
  }

  ByteTokenizer tokenizer_;
  ToolSyntax syntax_;
  AnswerRules rules_;
  std::unique_ptr<Matcher> matcher_;
};

// The first byte chooses a format, the second one how the answer is cut.
inline void try_answer(std::string_view input) {
  constexpr std::array kShown = {
      "tools <tool_call>",
      "tools <tool_call> <function= <parameter=",
      "tools [TOOL_CALLS]",
      "tools [TOOL_CALLS] [ARGS]",
      "<｜tool▁calls▁begin｜> <｜tool▁sep｜> ```json",
      "<｜tool▁calls▁begin｜> <｜tool▁sep｜>",
      ">>>all",
      "<function= </function>",
      "<|start_header_id|> \"parameters\": ",
      ""};
  if (input.size() < 2) return;
  static std::map<std::size_t, AnswerTrial> trials;
  const std::size_t which =
      static_cast<unsigned char>(input[0]) % kShown.size();
  const auto trial = trials.try_emplace(which, kShown[which]).first;
  trial->second.read(input.substr(2), static_cast<unsigned char>(input[1]) % 9);
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_ANSWERS_TESTING_TRY_ANSWER_H_
