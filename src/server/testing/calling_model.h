#ifndef PILOTFISH_SERVER_TESTING_CALLING_MODEL_H_
#define PILOTFISH_SERVER_TESTING_CALLING_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "server/testing/word_tokenizer.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish::server::testing {

// The template of a model that writes calls as Hermes does.
inline constexpr const char* kCallingTemplate =
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }} "
    "{{ c.function.arguments | tojson }}</tool_call>{% endfor %}"
    "\n{% endfor %}{{ tools | tojson if tools else '' }}";

// A model of printable characters, and of words that calls are made of, whole
// and in parts.
inline std::shared_ptr<const Tokenizer> calling_tokenizer() {
  std::vector<std::string> words = {"<s>",    "</s>", "<tool_call>", "<tool",
                                    "_call>", "</",   "\", \"",      "{\"",
                                    "\": ",   "}\n",  "é",           "\n"};
  for (char c = ' '; c < 127; ++c) words.emplace_back(1, c);
  return std::make_shared<WordTokenizer>(std::move(words));
}

inline constexpr Token kCallToken = 2;

inline EngineParts calling_parts() {
  const auto tokenizer = calling_tokenizer();
  const test::LogitTable table(
      static_cast<std::int64_t>(tokenizer->vocab_size()), 31, 1);
  EngineParts parts;
  parts.target = std::make_shared<test::TableScorer>(table, 4096, 64);
  parts.draft = std::make_shared<test::TableScorer>(
      test::LogitTable::like(table, 2, 0.7f), 4096, 64);
  parts.tokenizer = tokenizer;
  parts.end_tokens = {1};
  return parts;
}

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_CALLING_MODEL_H_
