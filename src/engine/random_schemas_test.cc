// Texts under random schemas: the same to the bit whatever drafts, and valid.

#include "constraint/json_schema/testing/random_schemas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "constraint/json_schema/testing/validate.h"
#include "constraint/json_schema/value.h"
#include "engine/testing/piece_tokenizer.h"
#include "engine/testing/random_model_on_one_thread.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

struct Speculation {
  std::string name;
  std::vector<std::string> drafters;
  std::int64_t window = kAutoWindow;
  std::int64_t tree_width = 1;
};

std::vector<Speculation> speculations() {
  std::vector<Speculation> all = {{"k = 1", {"model"}, 1}};
  for (const std::int64_t window : {kAutoWindow, std::int64_t{4}}) {
    const std::string k = window == kAutoWindow ? ", k = auto" : ", k = 4";
    for (const char* drafter : {"model", "suffix", "ngram", "grammar"}) {
      all.push_back({drafter + k, {drafter}, window});
    }
    all.push_back({"grammar,model" + k, {"grammar", "model"}, window});
    all.push_back({"trees" + k, {"model"}, window, 3});
    all.push_back({"grammar,trees" + k, {"grammar", "model"}, window, 3});
  }
  return all;
}

// A target and a draft with random weights, over tokens that can spell JSON in
// more ways than one.
class SchemaModels {
 public:
  SchemaModels() {
    test::RandomModelOptions options;
    options.vocab_size = static_cast<std::int64_t>(tokenizer_->vocab_size());
    options.hidden_size = 32;
    options.intermediate_size = 32;
    options.n_layers = 1;
    options.n_heads = 2;
    options.n_kv_heads = 1;
    options.n_positions = 64;
    target_ = testing::load_random_model(folder_.path() / "target", options);
    options.perturbation = 0.3;
    draft_ = testing::load_random_model(folder_.path() / "draft", options);
  }

  Engine plain() const { return {target_, nullptr, tokenizer_, {.window = 1}}; }
  Engine speculative() const {
    return {target_,
            draft_,
            tokenizer_,
            {.max_sequences = 10,
             .drafters = {"grammar", "suffix", "ngram", "model"},
             .tree_width = 3}};
  }

 private:
  static std::vector<std::string> pieces() {
    std::vector<std::string> pieces = {"<unk>", "<s>", "</s>"};
    for (const char c : std::string("{}[]\":, \n\\-.0123456789abceEfnlrstux")) {
      pieces.emplace_back(1, c);
    }
    for (const char* piece :
         {"{\"", "\":", "\", ", "\"}",  "ab",   "abc",  "\"a\"", "\"b",  "c\":",
          "[]",  "{}",  "true", "als",  "null", "ul",   "10",    ".5",   "1.",
          "], ", "}}",  ": ",   ", \"", "é",    "\xC3", "\xA9",  "b\": "}) {
      pieces.emplace_back(piece);
    }
    return pieces;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<const testing::PieceTokenizer> tokenizer_ =
      std::make_shared<testing::PieceTokenizer>(pieces(), false);
  std::shared_ptr<Model> target_;
  std::shared_ptr<Model> draft_;
};

struct SchemaCounts {
  int texts = 0;
  int ended = 0;
  std::int64_t tokens = 0;
  std::int64_t accepted = 0;
};

// Whether a text is JSON and valid. Nothing is said where a key comes twice or
// a number has hundreds of digits: that is JSON, but not this parser's.
void expect_valid(const json_schema::Value& schema, const std::string& text) {
  try {
    const json_schema::Value value = json_schema::parse_value(text);
    EXPECT_TRUE(test::Validator::valid(schema, value)) << text;
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(),
                AnyOf(HasSubstr("appears twice"), HasSubstr("400 digits")))
        << text;
  }
}

// Greedy under the default acceptor, and coupled.
std::vector<Request> schema_requests(
    const std::shared_ptr<const Constraint>& constraint, int number) {
  Request request;
  request.prompt = {1, static_cast<Token>(3 + number % 30)};
  request.max_tokens = 40;
  request.constraint = constraint;
  request.sampling.seed = static_cast<std::uint64_t>(number);
  std::vector<Request> requests = {request, request};
  requests[1].acceptor = make_acceptor("coupled");
  requests[1].sampling.temperature = 1.2;
  if (number % 3 == 0) requests[1].sampling.frequency_penalty = 0.7;
  if (number % 4 == 0) requests[1].sampling.top_p = 0.9;
  return requests;
}

void compare_texts(const std::string& schema,
                   const std::shared_ptr<const Constraint>& constraint,
                   int number, Engine& plain, Engine& speculative,
                   SchemaCounts& counts) {
  SCOPED_TRACE(schema);
  const json_schema::Value value = json_schema::parse_value(schema);
  const std::vector<Speculation> ways = speculations();
  for (const Request& request : schema_requests(constraint, number)) {
    const Generation expected = plain.generate(request);
    if (expected.finish_reason == FinishReason::kStopToken) {
      expect_valid(value, expected.text);
      ++counts.ended;
    }
    std::vector<RequestId> ids;
    for (const Speculation& way : ways) {
      Request other = request;
      other.drafters = way.drafters;
      other.window = way.window;
      other.tree_width = way.tree_width;
      ids.push_back(speculative.submit(other));
    }
    while (speculative.step()) {
    }
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const Generation found = speculative.take(ids[i]).value();
      EXPECT_EQ(found.tokens, expected.tokens) << ways[i].name;
      EXPECT_EQ(found.finish_reason, expected.finish_reason) << ways[i].name;
      counts.accepted += found.stats.summary.accepted;
      counts.tokens += static_cast<std::int64_t>(found.tokens.size());
      ++counts.texts;
    }
  }
}

// 100 schemas; 1,000 where the environment has PILOTFISH_TEST_ALL.
TEST(ConstrainedSchemas, TextsAreThoseOfPlainDecoding) {
  const int wanted = std::getenv("PILOTFISH_TEST_ALL") != nullptr ? 1000 : 100;
  const SchemaModels models;
  Engine plain = models.plain();
  Engine speculative = models.speculative();
  test::RandomSchemas draw(11);
  SchemaCounts counts;
  for (int number = 0; number < wanted && !HasFailure();) {
    const std::string schema = draw.schema(3);
    std::shared_ptr<const Constraint> constraint;
    try {
      constraint = Constraint::json_schema(schema);
    } catch (const UsageError&) {
      continue;  // no value at all, or not to be enforced
    }
    compare_texts(schema, constraint, number++, plain, speculative, counts);
  }
  std::printf(
      "%d schemas, %d plain texts ended, %d speculative ones compared with "
      "%lld tokens, %lld of them accepted\n",
      wanted, counts.ended, counts.texts, static_cast<long long>(counts.tokens),
      static_cast<long long>(counts.accepted));
  EXPECT_GT(counts.ended, wanted / 2);
  EXPECT_GT(counts.accepted, counts.tokens / 10);
}

}  // namespace
}  // namespace pilotfish
