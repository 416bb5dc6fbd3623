// What the grammar drafter adds to a draft model, with the models that ship:
// the same texts, in as few passes as the better of the two alone takes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/threads.h"
#include "source_dir.h"

namespace pilotfish {
namespace {

constexpr const char* kSchemas[] = {
    R"({"type": "object", "properties": {
          "first_name": {"type": "string", "maxLength": 12},
          "age_in_years": {"type": "integer", "minimum": 0, "maximum": 120},
          "likes_dogs": {"type": "boolean"}},
        "required": ["first_name", "age_in_years", "likes_dogs"],
        "additionalProperties": false})",
    R"({"type": "object", "properties": {
          "name": {"const": "get_current_weather"},
          "arguments": {"type": "object", "properties": {
              "location": {"type": "string", "maxLength": 16},
              "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["location", "unit"], "additionalProperties": false}},
        "required": ["name", "arguments"], "additionalProperties": false})",
    R"({"type": "array", "minItems": 2, "maxItems": 3, "items": {
          "type": "object", "properties": {
            "description": {"type": "string", "maxLength": 10},
            "quantity": {"type": "integer", "minimum": 1, "maximum": 99}},
          "required": ["description", "quantity"],
          "additionalProperties": false}})",
    R"({"enum": ["positive_sentiment", "negative_sentiment", "unknown"]})",
};

std::shared_ptr<Model> shipped(const char* name) {
  LoadOptions options;
  options.threads = make_threads(1);
  return Model::load(test::source_dir() / "models" / name, options);
}

TEST(ForcedTokens, GrammarBesideAModelNeverTakesMorePasses) {
  const auto target = shipped("pilotfish-stories");
  const auto draft = shipped("pilotfish-stories-draft");
  const auto tokenizer =
      Tokenizer::load(test::source_dir() / "models/pilotfish-stories");
  std::int64_t together = 0;
  std::int64_t grammar_alone = 0;
  for (const char* schema : kSchemas) {
    Request request;
    request.prompt = tokenizer->encode("Lily said, as JSON: ");
    request.max_tokens = 60;
    request.constraint = Constraint::json_schema(schema);
    for (const std::uint64_t seed : {0u, 1u, 2u}) {
      request.sampling.seed = seed;
      request.sampling.temperature = seed == 0 ? 0 : 0.8;
      std::string text;
      const auto passes = [&](std::vector<std::string> drafters) {
        const bool models = drafters.back() == "model";
        Engine engine(target, models ? draft : nullptr, tokenizer,
                      {.window = 7,
                       .acceptor = make_acceptor("coupled"),
                       .drafters = std::move(drafters)});
        const Generation found = engine.generate(request);
        if (text.empty()) text = found.text;
        EXPECT_EQ(found.text, text) << schema;
        return found.stats.summary.passes;
      };
      const std::int64_t grammar = passes({"grammar"});
      const std::int64_t model = passes({"model"});
      const std::int64_t both = passes({"grammar", "model"});
      EXPECT_LE(both, std::min(grammar, model)) << schema << seed;
      EXPECT_LE(passes({"grammar", "suffix", "model"}), grammar)
          << schema << seed;
      together += both;
      grammar_alone += grammar;
    }
  }
  EXPECT_LT(2 * together, grammar_alone);
}

}  // namespace
}  // namespace pilotfish
