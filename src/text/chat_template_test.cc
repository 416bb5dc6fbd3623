#include "pilotfish/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::ordered_json;

constexpr const char* kTemplates[] = {
    "Qwen-Qwen2.5-7B-Instruct",          "Qwen-Qwen3-0.6B",
    "meta-llama-Llama-3.1-8B-Instruct",  "meta-llama-Llama-3.2-3B-Instruct",
    "meta-llama-Llama-3.3-70B-Instruct", "mistralai-Mistral-Nemo-Instruct-2407",
};

Json read_json(const std::string& name) {
  return Json::parse(
      test::read_file(test::source_dir() / "src/text/jinja/testdata" / name));
}

std::string dump(const Json& object, const char* key) {
  return object.contains(key) ? object[key].dump() : "";
}

ChatMessage message(const Json& given) {
  return {given["role"], given["content"], dump(given, "tool_calls"),
          dump(given, "fields")};
}

// The prompt of one conversation of conversations.json, none where refused.
std::optional<std::string> prompt(const ChatTemplate& source, const Json& talk,
                                  const Json& tools) {
  std::vector<ChatMessage> messages;
  for (const auto& given : talk["messages"]) messages.push_back(message(given));
  Json variables = {{"date_string", "1 Jan 2025"}};
  if (talk.contains("variables")) variables.update(talk["variables"]);
  ChatOptions options;
  options.add_generation_prompt = talk.value("add_generation_prompt", true);
  options.variables_json = variables.dump();
  if (talk.contains("tools")) {
    options.tools_json = tools[talk["tools"].get<std::string>()].dump();
  }
  try {
    return source.render(messages, options);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Every conversation against what Jinja2 renders (testdata/generate.py).
void expect_golden(const std::string& source, const std::string& name) {
  const Json talks = read_json("conversations.json");
  const Json golden = read_json("golden/" + name + ".json");
  const ChatTemplate chat(source, talks["bos_token"], talks["eos_token"]);
  ASSERT_EQ(golden["conversations"].size(), talks["conversations"].size());
  size_t rendered = 0;
  for (size_t i = 0; i < talks["conversations"].size(); ++i) {
    const Json& talk = talks["conversations"][i];
    const Json& expected = golden["conversations"][i];
    ASSERT_EQ(expected["name"], talk["name"]);
    const auto found = prompt(chat, talk, talks["tools"]);
    if (expected["expected"].is_null()) {
      EXPECT_EQ(found, std::nullopt) << name << ": " << talk["name"];
    } else {
      ++rendered;
      EXPECT_EQ(found, expected["expected"].get<std::string>())
          << name << ": " << talk["name"];
    }
  }
  EXPECT_GE(rendered, 15u);
}

class ChatTemplateGolden : public testing::TestWithParam<const char*> {};

TEST_P(ChatTemplateGolden, AgreesWithHuggingFace) {
  const std::string file = std::string("templates/") + GetParam() + ".jinja";
  SKIP_WITHOUT_DATA(file);
  expect_golden(test::read_file(test::data_path(file)), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Published, ChatTemplateGolden,
                         testing::ValuesIn(kTemplates));

TEST(ChatTemplate, RendersTheTemplateOfLlama3sTokenizer) {
  const std::string file = "tokenizers/llama-3/tokenizer_config.json";
  SKIP_WITHOUT_DATA(file);
  const Json config = Json::parse(test::read_file(test::data_path(file)));
  expect_golden(config["chat_template"], "meta-llama-Llama-3.1-8B-Instruct");
}

// The date of Llama 3.2 comes from the clock where no variable gives it.
TEST(ChatTemplate, ReadsTheClock) {
  const std::string file = "templates/meta-llama-Llama-3.2-3B-Instruct.jinja";
  SKIP_WITHOUT_DATA(file);
  const ChatTemplate chat(test::read_file(test::data_path(file)), "", "");
  const std::vector<ChatMessage> messages = {{"user", "Hi!"}};
  EXPECT_THAT(
      chat.render(messages),
      testing::ContainsRegex("Today Date: [0-9]+ [A-Z][a-z]+ 20[0-9]+"));
  ChatOptions options;
  options.variables_json = R"({"date_string": "26 Jul 2024"})";
  EXPECT_THAT(chat.render(messages, options),
              HasSubstr("Today Date: 26 Jul 2024"));
}

TEST(ChatTemplate, GivesTheTemplateItsVariables) {
  const ChatTemplate chat(
      "{{ bos_token }}|{{ eos_token }}|{{ tools }}|{{ documents }}|"
      "{{ add_generation_prompt }}|{{ messages }}|{{ extra }}",
      "<s>", "</s>");
  ChatOptions options;
  options.add_generation_prompt = false;
  options.variables_json = R"({"extra": [1], "messages": 5})";
  const std::vector<ChatMessage> messages = {
      {"user", "a", "", R"({"name": "b"})"}};
  EXPECT_EQ(chat.render(messages, options),
            "<s>|</s>|None|None|False|[{'role': 'user', 'content': 'a', "
            "'name': 'b'}]|[1]");
}

TEST(ChatTemplate, ArgumentsOfToolCallsMayBeStrings) {
  const ChatTemplate chat("{{ messages[0].tool_calls|tojson }}", "", "");
  const auto rendered = [&](const std::string& calls) {
    return chat.render({{"assistant", "", calls}});
  };
  EXPECT_EQ(rendered(R"([{"function":{"name":"f","arguments":"{\"a\":1}"}}])"),
            R"([{"function": {"name": "f", "arguments": {"a": 1}}}])");
  EXPECT_EQ(rendered(R"([{"name":"f","arguments":"{\"a\":1}"},5])"),
            R"([{"name": "f", "arguments": {"a": 1}}, 5])");
  // What is no JSON has no other form.
  EXPECT_EQ(rendered(R"([{"name":"f","arguments":"x"},5])"),
            R"([{"name": "f", "arguments": "x"}, 5])");
  EXPECT_EQ(rendered(R"([{"function":{"arguments":"{"}}])"),
            R"([{"function": {"arguments": "{"}}])");
}

// Strings stay strings where a template takes one, objects objects; the other
// form is tried where a template fails on what was sent.
TEST(ChatTemplate, ArgumentsOfToolCallsAreGivenAsTheTemplateWantsThem) {
  const std::string text = R"([{"function":{"arguments":"{\"a\":[1,2]}"}}])";
  const std::string object = R"([{"function":{"arguments":{"a":[1,2]}}}])";
  struct Case {
    const char* source;  // of `arguments`, which is x
    const char* from_text;
    const char* from_object;
  };
  for (const auto& [source, from_text, from_object] : {
           Case{"{{ x }}", R"({"a":[1,2]})", "{'a': [1, 2]}"},
           Case{"{{ '<' + x + '>' }}", R"(<{"a":[1,2]}>)",
                R"(<{"a": [1, 2]}>)"},
           Case{"{{ x if x is string else x|tojson }}", R"({"a":[1,2]})",
                R"({"a": [1, 2]})"},
           Case{"{{ x|tojson }}", R"({"a": [1, 2]})", R"({"a": [1, 2]})"},
           Case{"{% for k, v in x|items %}{{ k }}={{ v }}{% endfor %}",
                "a=[1, 2]", "a=[1, 2]"},
           Case{"{% for k, v in x.items() %}{{ k }}={{ v }}{% endfor %}",
                "a=[1, 2]", "a=[1, 2]"},
           Case{"{% if x is not mapping %}{{ raise_exception('no') }}"
                "{% endif %}ok",
                "ok", "ok"},
           Case{"{% if x is not string %}{{ raise_exception('no') }}"
                "{% endif %}ok",
                "ok", "ok"},
       }) {
    const ChatTemplate chat(
        std::string("{% set x = messages[0].tool_calls[0].function.arguments "
                    "%}") +
            source,
        "", "");
    EXPECT_EQ(chat.render({{"assistant", "", text}}), from_text) << source;
    EXPECT_EQ(chat.render({{"assistant", "", object}}), from_object) << source;
    const std::string fields = R"({"tool_calls": )" + text + "}";
    EXPECT_EQ(chat.render({{"assistant", "", "", fields}}), from_text);
  }
}

// The error is that of the form that was sent.
TEST(ChatTemplate, AFailureInBothFormsIsTheFirst) {
  const ChatTemplate chat(
      "{{ raise_exception('is string: ' ~ "
      "(messages[0].tool_calls[0].arguments is string)) }}",
      "", "");
  try {
    chat.render({{"assistant", "", R"([{"arguments": "{}"}])"}});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("is string: True"));
  }
}

TEST(ChatTemplate, AMessageMayHaveNoContent) {
  const ChatTemplate chat(
      "{{ messages[0].content is defined }} {{ messages[0].keys()|list }}", "",
      "");
  EXPECT_EQ(chat.render({{"assistant", std::nullopt}}), "False ['role']");
  EXPECT_EQ(chat.render({ChatMessage{"assistant"}}),
            "True ['role', 'content']");
}

TEST(ChatTemplate, AByteOrderMarkIsNoPartOfTheTemplate) {
  EXPECT_EQ(ChatTemplate("\xEF\xBB\xBF{{ 1 }}", "", "").render({}), "1");
}

TEST(ChatTemplate, TakesConversationsInJson) {
  const ChatTemplate chat(
      "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"
      "{{ tools }}",
      "", "");
  const auto rendered = [&](const std::string& json) {
    return chat.render_json(json).text;
  };
  EXPECT_EQ(rendered(R"([{"role": "user", "content": 18446744073709551616}])"),
            "user:18446744073709551616;None");
  EXPECT_EQ(rendered(R"({"model": "x", "tools": [1],
                        "messages": [{"content": "a", "role": "b"}]})"),
            "b:a;[1]");
  EXPECT_EQ(rendered(R"({"tools": null, "messages": []})"), "None");
  EXPECT_EQ(chat.render_json(R"({"tools": [1], "messages": []})",
                             {.tools_json = "[2]"})
                .text,
            "[2]");
  EXPECT_EQ(chat.render_json(R"([{"role": "ab", "content": "c"}])").content,
            (std::vector<TextRange>{{0, 2}, {3, 4}}));
  for (const char* json :
       {"", "5", "{}", R"({"messages": 5})", "[5]", R"([{"content": "x"}])",
        R"({"messages": [], "tools": {}})"}) {
    EXPECT_THROW(rendered(json), Error) << json;
  }
}

TEST(ChatTemplate, MalformedJsonNamesItsPlace) {
  const ChatTemplate chat("", "", "");
  const auto error = [&](const ChatMessage& given, const ChatOptions& options) {
    try {
      chat.render({{"user", ""}, given}, options);
    } catch (const Error& thrown) {
      return std::string(thrown.what());
    }
    return std::string();
  };
  EXPECT_THAT(error({"user", "", "{}"}, {}),
              AllOf(StartsWith("chat message 1, tool_calls_json: "),
                    HasSubstr("array expected")));
  EXPECT_THAT(error({"user", "", "", "[]"}, {}),
              AllOf(StartsWith("chat message 1, fields_json: "),
                    HasSubstr("object expected")));
  EXPECT_THAT(error({}, {true, "5", ""}),
              StartsWith("chat options, tools_json: "));
  EXPECT_THAT(error({}, {true, "", "{"}),
              AllOf(StartsWith("chat options, variables_json: "),
                    HasSubstr("malformed JSON at byte")));
}

TEST(ChatTemplate, CanBeMoved) {
  ChatTemplate first("a", "", "");
  ChatTemplate second(std::move(first));
  first = ChatTemplate("b", "", "");
  EXPECT_EQ(second.render({}), "a");
  EXPECT_EQ(first.render({}), "b");
}

}  // namespace
}  // namespace pilotfish
