#ifndef PILOTFISH_SERVER_TESTING_THINKING_MODEL_H_
#define PILOTFISH_SERVER_TESTING_THINKING_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "server/testing/word_tokenizer.h"
#include "speculative/testing/table_scorer.h"

namespace pilotfish::server::testing {

// A model whose texts are of letters and of the tags of reasoning, whole and in
// parts.
inline std::shared_ptr<const Tokenizer> thinking_tokenizer() {
  return std::make_shared<WordTokenizer>(std::vector<std::string>{
      "<s>", "</s>", "<think>", "</think>", "a", "b", " ", "\n", "</th", "ink>",
      "<thi", "nk>", "é", "ab", "x", "y"});
}

inline EngineParts thinking_parts() {
  const test::LogitTable table(16, 31, 1);
  EngineParts parts;
  parts.target = std::make_shared<test::TableScorer>(table, 128, 64);
  parts.draft = std::make_shared<test::TableScorer>(
      test::LogitTable::like(table, 2, 0.7f), 128, 64);
  parts.tokenizer = thinking_tokenizer();
  parts.end_tokens = {1};
  return parts;
}

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_TESTING_THINKING_MODEL_H_
