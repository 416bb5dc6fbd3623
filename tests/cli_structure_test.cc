// Texts that have to be something: schemas, regular expressions, grammars,
// choices. With the models that come with the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using Arguments = std::vector<std::string>;
using Json = nlohmann::json;

constexpr const char* kPet = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "maxLength": 12},
    "kind": {"enum": ["dog", "cat"]},
    "age": {"type": "integer", "minimum": 0, "maximum": 20}
  },
  "required": ["name", "kind", "age"],
  "additionalProperties": false
})";

class StructureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = new test::TemporaryFolder; }
  static void TearDownTestSuite() { delete folder_; }

  static std::string write(const std::string& name, const std::string& text) {
    const std::string path = (folder_->path() / name).string();
    std::ofstream(path) << text;
    return path;
  }
  static ProgramResult generate(Arguments more) {
    Arguments arguments = {"generate", "-p", "Once upon a time", "-t", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  static std::string text_of(Arguments more) {
    const ProgramResult result = generate(std::move(more));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out.substr(0, result.out.find_last_not_of('\n') + 1);
  }
  static void expect_refused(Arguments more, const std::string& what) {
    const ProgramResult result = generate(std::move(more));
    EXPECT_EQ(result.exit_code, 2) << what;
    EXPECT_THAT(result.message(), HasSubstr(what));
  }
  static void expect_pet(const std::string& text) {
    const Json pet = Json::parse(text, nullptr, false);
    ASSERT_TRUE(pet.is_object()) << text;
    EXPECT_EQ(pet.size(), 3u) << text;
    EXPECT_LE(pet.at("name").get<std::string>().size(), 48u);
    EXPECT_TRUE(pet.at("kind") == "dog" || pet.at("kind") == "cat");
    EXPECT_LE(pet.at("age").get<int>(), 20);
  }

 private:
  static inline test::TemporaryFolder* folder_;
};

TEST_F(StructureTest, TextsAreValidByTheirSchema) {
  const std::string schema = write("pet.json", kPet);
  for (const char* drafter : {"none", "model", "grammar,model", "grammar"}) {
    for (const char* temperature : {"0", "1.5"}) {
      expect_pet(text_of({"--json-schema", schema, "--drafter", drafter,
                          "--temperature", temperature, "--seed", "3"}));
    }
  }
  expect_pet(text_of({"--json-schema", kPet, "--ignore-eos"}));
  const std::string compact =
      text_of({"--json-schema", schema, "--json-whitespace", "compact"});
  expect_pet(compact);
  EXPECT_TRUE(compact.starts_with("{\"name\":\"")) << compact;
}

TEST_F(StructureTest, WhatIsForcedIsDraftedWithAndWithoutAModel) {
  const ProgramResult result =
      generate({"--json-schema", kPet, "--json", "-d", "none"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["drafters"], Json::array({"grammar"}));
  EXPECT_EQ(json["finish_reason"], "stop_token");
  const Json plain =
      Json::parse(generate({"--json-schema", kPet, "--json", "-k", "1"}).out);
  EXPECT_EQ(json["tokens"], plain["tokens"]);
  // And goes into the drafts of one.
  const Json both =
      Json::parse(generate({"--json-schema", kPet, "--json", "-k", "6"}).out);
  EXPECT_EQ(both["drafters"], Json({"grammar", "model"}));
  EXPECT_EQ(both["tokens"], plain["tokens"]);
}

TEST_F(StructureTest, OtherKindsOfStructure) {
  const Arguments sampled = {"--temperature", "1.5", "--seed"};
  std::set<std::string> found;
  for (int seed = 0; seed < 5; ++seed) {
    const auto text = [&](Arguments more) {
      more.insert(more.end(), sampled.begin(), sampled.end());
      more.push_back(std::to_string(seed));
      return text_of(std::move(more));
    };
    static const std::regex kPhone("[0-9]{3}-[0-9]{4}");
    EXPECT_TRUE(
        std::regex_match(text({"--regex", "[0-9]{3}-[0-9]{4}"}), kPhone));
    const std::string choice = text({"--choice", "yes", "--choice", "no"});
    EXPECT_TRUE(choice == "yes" || choice == "no") << choice;
    found.insert(choice);
    static const std::regex kSum("[0-9](\\+[0-9])*");
    const std::string grammar =
        write("sum.gbnf", "root ::= digit (\"+\" digit)*\ndigit ::= [0-9]\n");
    EXPECT_TRUE(std::regex_match(text({"--grammar", grammar}), kSum));
  }
  EXPECT_EQ(text_of({"--grammar", "root ::= \"ab\" [c-c]"}), "abc");
}

TEST_F(StructureTest, ATextThatIsCutSaysSo) {
  const Json json =
      Json::parse(generate({"--json-schema", kPet, "--json", "-n", "3"}).out);
  EXPECT_EQ(json["finish_reason"], "max_tokens");
}

TEST_F(StructureTest, WhatCannotBeUsedIsNamed) {
  const std::string bad = write("bad.json", R"({"type": "strin"})");
  expect_refused({"--json-schema", bad}, bad);
  expect_refused({"--json-schema", write("no.json", "{")}, "no.json");
  expect_refused({"--regex", "(a"}, "--regex: ");
  expect_refused({"--grammar", "root ::= x"}, "--grammar: ");
  expect_refused({"--choice", "a", "--regex", "b"}, "excludes");
  expect_refused({"--any-order"}, "--json-schema");
  expect_refused({"--json-schema", kPet, "--json-whitespace", "wide"},
                 "flexible, spaced or compact");
  expect_refused({"--drafter", "grammar"}, "needs a constraint");
  expect_refused({"--choice", "yes", "--allow-ids", "5", "--min-tokens", "9"},
                 "no token can come next with");
  const ProgramResult missing = generate({"--json-schema", "/no/such/file"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.message(), HasSubstr("/no/such/file"));
}

TEST_F(StructureTest, EachLineOfPromptsHasItsOwn) {
  Json schema_line = {{"prompt", "A pet:"}, {"json_schema", Json::parse(kPet)}};
  std::string lines = schema_line.dump() + "\n" + schema_line.dump() + "\n";
  lines += R"({"prompt": "Call", "regex": "[0-9]{4}"})"
           "\n";
  lines += R"({"prompt": "Well?", "choice": ["yes", "no"], "n": 2})"
           "\n";
  lines += R"({"prompt": "Sum:", "grammar": "root ::= \"1+1\""})"
           "\n";
  lines += R"({"prompt": "Bad", "json_schema": 5})"
           "\n";
  lines += R"({"prompt": "Bad", "regex": "("})"
           "\n";
  lines += R"({"prompt": "Free", "max_tokens": 3})"
           "\n";
  const ProgramResult result =
      run_program({"generate", "--prompts", write("lines.jsonl", lines),
                   "--json", "--drafter", "grammar,model", "-t", "1"});
  EXPECT_EQ(result.exit_code, 1);
  std::vector<Json> found;
  std::istringstream stream(result.out);
  for (std::string line; std::getline(stream, line);) {
    found.push_back(Json::parse(line));
  }
  ASSERT_EQ(found.size(), 9u);
  expect_pet(found[0]["text"]);
  expect_pet(found[1]["text"]);
  EXPECT_TRUE(std::regex_match(found[2]["text"].get<std::string>(),
                               std::regex("[0-9]{4}")));
  for (const int i : {3, 4}) {
    EXPECT_TRUE(found[i]["text"] == "yes" || found[i]["text"] == "no");
  }
  EXPECT_EQ(found[5]["text"], "1+1");
  EXPECT_THAT(found[6]["error"].get<std::string>(),
              HasSubstr("\"json_schema\": expected"));
  EXPECT_THAT(found[7]["error"].get<std::string>(), HasSubstr("\"regex\": "));
  EXPECT_EQ(found[8]["tokens"].size(), 3u);
}

TEST_F(StructureTest, LinesAreReadAsTheFlagsSay) {
  const std::string file = write(
      "lenient.jsonl",
      R"({"prompt": "A:", "json_schema": {"remark": 1, "const": {"a": [1, 2]}}})"
      "\n");
  const ProgramResult lenient =
      run_program({"generate", "--prompts", file, "--json", "-t", "1",
                   "--lenient-schema", "--json-whitespace", "compact"});
  EXPECT_EQ(lenient.exit_code, 0) << lenient.err;
  EXPECT_EQ(Json::parse(lenient.out)["text"], R"({"a":[1,2]})");
  const ProgramResult strict =
      run_program({"generate", "--prompts", file, "--json", "-t", "1"});
  EXPECT_EQ(strict.exit_code, 1);
  EXPECT_THAT(strict.out, HasSubstr("remark"));
}

TEST_F(StructureTest, SchemaShowsTheGrammar) {
  const std::string schema = write("pet.json", kPet);
  const ProgramResult result = run_program({"schema", schema});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("root ::= "));
  // What it prints is a grammar of the same texts.
  expect_pet(text_of({"--grammar", write("pet.gbnf", result.out)}));
  const ProgramResult json =
      run_program({"schema", "-", "--json"}, {.in = kPet});
  EXPECT_EQ(Json::parse(json.out)["enforceable"], true);
  EXPECT_EQ(Json::parse(json.out)["grammar"], result.out);

  const std::string bad = write(
      "unique.json", R"({"type": "array", "items": {}, "uniqueItems": true})");
  const ProgramResult refused = run_program({"schema", bad, "--json"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.message(), HasSubstr("uniqueItems"));
  EXPECT_EQ(Json::parse(refused.out)["enforceable"], false);
  EXPECT_THAT(Json::parse(refused.out)["reason"].get<std::string>(),
              HasSubstr("uniqueItems"));
}

}  // namespace
}  // namespace pilotfish
