// Every field of every route, with values of every type that it does not have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/sampling.h"
#include "server/testing/api_fixture.h"

namespace pilotfish::server {
namespace {

using testing::ApiFixture;
using testing::Json;

// A field, as a path into a body, and the first letters of the types it has:
// number, boolean, string, array, object.
using FieldTypes = std::vector<std::pair<std::string, std::string>>;

struct Route {
  std::string path;
  Json good;  // a body with which it answers 200
  FieldTypes fields;
};

const std::map<char, std::vector<Json>>& values_by_type() {
  static const std::map<char, std::vector<Json>> values = {
      {'n', {0, 1, -1, 1.5, 1e300}},
      {'b', {true, false}},
      {'s', {"", "x", "1", "true"}},
      {'a',
       {Json::array(),
        Json::array({nullptr}),
        Json::array({Json::array()}),
        Json::array({Json::object()}),
        {1, "x", true}}},
      {'o', {Json::object(), {{"x", 1}}, {{"tokens", {{"x", 1}}}}}}};
  return values;
}

// Of all routes that generate.
FieldTypes generation_fields() {
  return {{"/temperature", "n"},
          {"/top_p", "n"},
          {"/top_k", "n"},
          {"/min_p", "n"},
          {"/typical_p", "n"},
          {"/typ_p", "n"},
          {"/repetition_penalty", "n"},
          {"/repeat_penalty", "n"},
          {"/frequency_penalty", "n"},
          {"/presence_penalty", "n"},
          {"/penalty_window", "n"},
          {"/repeat_last_n", "n"},
          {"/min_tokens", "n"},
          {"/seed", "n"},
          {"/stop_token_ids", "a"},
          {"/ignore_eos", "b"},
          {"/logit_bias", "ao"},
          {"/allowed_tokens", "a"},
          {"/banned_tokens", "a"},
          {"/bad_words", "sa"},
          {"/stream", "b"},
          {"/stream_options", "o"},
          {"/stream_options/include_usage", "b"},
          {"/return_tokens", "b"},
          {"/speculative", "bo"},
          {"/speculative/window", "ns"},
          {"/speculative/drafter", "s"},
          {"/speculative/tree_width", "n"},
          {"/acceptor", "s"},
          {"/reproducible", "b"},
          {"/prediction", "o"},
          {"/prediction/type", "s"},
          {"/prediction/content", "sa"},
          {"/resume", "o"},
          {"/resume/tokens", "a"},
          {"/priority", "n"},
          {"/cache_salt", "s"},
          {"/tool_choice", "so"},
          {"/response_format", "o"},
          {"/response_format/type", "s"},
          {"/grammar", "s"},
          {"/json_schema", "obs"},
          {"/guided_json", "obs"},
          {"/guided_regex", "s"},
          {"/guided_choice", "sa"},
          {"/guided_grammar", "s"},
          {"/structured_outputs", "o"}};
}

FieldTypes with_generation(FieldTypes fields) {
  const FieldTypes more = generation_fields();
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::vector<Route> routes() {
  const Json messages = {{{"role", "user"}, {"content", "ab"}}};
  const FieldTypes conversation = {{"/messages", "a"},
                                   {"/messages/0", "o"},
                                   {"/messages/0/role", "s"},
                                   {"/messages/0/content", "sa"}};
  const auto with_conversation = [&](FieldTypes fields) {
    fields.insert(fields.end(), conversation.begin(), conversation.end());
    return fields;
  };
  return {
      {"/v1/completions",
       {{"prompt", {1, 8}}, {"max_tokens", 2}},
       with_generation({{"/model", "s"},
                        {"/prompt", "sa"},
                        {"/max_tokens", "n"},
                        {"/n", "n"},
                        {"/best_of", "n"},
                        {"/echo", "b"},
                        {"/stop", "sa"},
                        {"/logprobs", "n"}})},
      {"/v1/chat/completions",
       {{"messages", messages}, {"max_tokens", 2}},
       with_conversation(with_generation({{"/model", "s"},
                                          {"/max_tokens", "n"},
                                          {"/max_completion_tokens", "n"},
                                          {"/n", "n"},
                                          {"/best_of", "n"},
                                          {"/stop", "sa"},
                                          {"/logprobs", "b"},
                                          {"/top_logprobs", "n"},
                                          {"/reasoning_format", "s"},
                                          {"/chat_template_kwargs", "o"},
                                          {"/add_generation_prompt", "b"},
                                          {"/tools", "a"},
                                          {"/tools/0", "o"},
                                          {"/parallel_tool_calls", "b"},
                                          {"/messages/0/name", "s"},
                                          {"/messages/0/tool_calls", "a"},
                                          {"/messages/0/tool_call_id", "s"}}))},
      {"/v1/responses",
       {{"input", "ab"}, {"max_output_tokens", 2}},
       with_generation({{"/model", "s"},
                        {"/input", "sa"},
                        {"/instructions", "s"},
                        {"/max_output_tokens", "n"},
                        {"/include", "a"},
                        {"/top_logprobs", "n"},
                        {"/tools", "a"},
                        {"/tools/0", "o"},
                        {"/parallel_tool_calls", "b"},
                        {"/text", "o"},
                        {"/text/format", "o"},
                        {"/metadata", "o"}})},
      {"/v1/responses",
       {{"input", messages}, {"max_output_tokens", 2}},
       {{"/input/0", "o"},
        {"/input/0/type", "s"},
        {"/input/0/role", "s"},
        {"/input/0/content", "sa"}}},
      {"/v1/messages",
       {{"messages", messages}, {"max_tokens", 2}},
       with_conversation(with_generation({{"/model", "s"},
                                          {"/max_tokens", "n"},
                                          {"/stop_sequences", "sa"},
                                          {"/tools", "a"},
                                          {"/tools/0", "o"},
                                          {"/system", "sa"}}))},
      {"/v1/messages/count_tokens",
       {{"messages", messages}},
       with_conversation({{"/model", "s"}, {"/system", "sa"}})},
      {"/completion",
       {{"prompt", {1, 8}}, {"n_predict", 2}},
       with_generation({{"/prompt", "sa"},
                        {"/n_predict", "n"},
                        {"/stop", "sa"},
                        {"/n_probs", "n"}})},
      {"/tokenize",
       {{"content", "ab"}},
       {{"/content", "s"},
        {"/add_special", "b"},
        {"/parse_special", "b"},
        {"/with_pieces", "b"}}},
      {"/detokenize", {{"tokens", {8, 9}}}, {{"/tokens", "a"}}},
      {"/apply-template",
       {{"messages", messages}},
       with_conversation(
           {{"/chat_template_kwargs", "o"}, {"/add_generation_prompt", "b"}})}};
}

class WrongTypes : public ApiFixture {};

TEST_F(WrongTypes, AreRefusedByEveryFieldOfEveryRoute) {
  serve_tables();
  use_template(testing::kChatTemplate);
  int tried = 0;
  for (const Route& route : routes()) {
    post(route.path, route.good);
    for (const auto& [field, types] : route.fields) {
      const std::string top = field.substr(1, field.find('/', 1) - 1);
      for (const auto& [type, values] : values_by_type()) {
        if (types.find(type) != std::string::npos) continue;
        for (const Json& value : values) {
          Json body = route.good;
          body[Json::json_pointer(field)] = value;
          const Refusal refused = refusal(route.path, body.dump());
          ++tried;
          EXPECT_EQ(refused.status, 400)
              << route.path << " " << body << ": " << refused.message;
          EXPECT_THAT(refused.param, ::testing::StartsWith(top))
              << route.path << " " << body << ": " << refused.message;
        }
      }
    }
  }
  EXPECT_GT(tried, 3000);
}

// What has the right type may still be refused, but never by a fault of ours.
TEST_F(WrongTypes, RightTypesWithAnyValueAreNoFault) {
  serve_tables();
  use_template(testing::kChatTemplate);
  for (const Route& route : routes()) {
    for (const auto& [field, types] : route.fields) {
      for (const char type : types) {
        for (const Json& value : values_by_type().at(type)) {
          Json body = route.good;
          body[Json::json_pointer(field)] = value;
          const auto exchange = ask("POST", route.path, body.dump());
          EXPECT_LT(exchange->head.status, 500)
              << route.path << " " << body << ": " << exchange->head.body;
        }
      }
    }
  }
}

// So that a new field is not forgotten here: what the routes read is in the
// table.
TEST_F(WrongTypes, AllFieldsAreInTheTable) {
  std::set<std::string> known;
  for (const Route& route : routes()) {
    for (const auto& [field, types] : route.fields) {
      known.insert(field.substr(field.rfind('/') + 1));
    }
  }
  for (const SamplingField& field : kSamplingFields) {
    EXPECT_TRUE(known.contains(std::string(field.name))) << field.name;
  }
  // Of parts of contents and of tools, which have tests of their own.
  known.insert({"text", "description", "disable_parallel_tool_use", "function",
                "functions", "input", "id", "name", "output", "schema",
                "strict", "tool_use_id"});
  const std::regex read(
      R"re((?:\.|->)(?:find|has|boolean|integer|number|string|object|array|tokens|strings)\(\s*"(\w+)")re");
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "src/server/api")) {
    const std::string path = entry.path();
    if (!path.ends_with(".cc") || path.ends_with("_test.cc")) continue;
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    const std::string source = content.str();
    for (std::sregex_iterator it(source.begin(), source.end(), read), end;
         it != end; ++it) {
      ++found;
      EXPECT_TRUE(known.contains((*it)[1])) << path << ": " << (*it)[1];
    }
  }
  EXPECT_GT(found, 40u);
}

}  // namespace
}  // namespace pilotfish::server
