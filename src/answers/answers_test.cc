#include "pilotfish/answers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answers/testing/byte_tokenizer.h"
#include "answers/testing/try_answer.h"
#include "constraint/matcher.h"
#include "pilotfish/chat_template.h"
#include "source_dir.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using ::testing::HasSubstr;
using Calls = AnswerRules::Calls;

// Enough of a template to be known by.
struct Spoken {
  const char* name;
  std::string shown;  // by the template
  std::vector<std::string> specials;
  // A call of `get` with {"city": "Oslo"}, two, and the text "Hi." with a call.
  std::string one, two, behind_text;
  std::string text = "Hi.";  // as it is generated
};

const std::vector<Spoken>& spoken() {
  static const std::vector<Spoken> all = [] {
    const std::string json = "{\"city\": \"Oslo\"}";
    const std::string tag =
        "<tool_call>\n{\"name\": \"get\", \"arguments\": " + json +
        "}\n</tool_call>";
    const std::string coder =
        "<tool_call>\n<function=get>\n<parameter=city>\nOslo\n</parameter>\n"
        "</function>\n</tool_call>";
    const std::string entry =
        "{\"name\": \"get\", \"arguments\": " + json + "}";
    const std::string with_id = "{\"name\": \"get\", \"arguments\": " + json +
                                ", \"id\": \"aB3456789\"}";
    const std::string llama =
        "{\"name\": \"get\", \"parameters\": " + json + "}";
    const std::string deep =
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get\n"
        "```json\n" +
        json + "\n```<｜tool▁call▁end｜>";
    const std::string deeper =
        "<｜tool▁call▁begin｜>get<｜tool▁sep｜>" + json + "<｜tool▁call▁end｜>";
    const std::string begin = "<｜tool▁calls▁begin｜>";
    const std::string end = "<｜tool▁calls▁end｜>";
    const std::vector<std::string> deep_tokens = {
        begin, end, "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>",
        "<｜tool▁call▁end｜>"};
    return std::vector<Spoken>{
        {"qwen3-coder",
         "tools <tool_call> <function= <parameter=",
         {},
         coder,
         coder + "\n" + coder,
         "Hi.\n" + coder},
        {"hermes",
         "tools <tool_call>",
         {},
         tag,
         tag + "\n" + tag,
         "Hi.\n\n" + tag},
        {"mistral-args",
         "tools [TOOL_CALLS] [ARGS]",
         {"[TOOL_CALLS]", "[ARGS]"},
         "[TOOL_CALLS]get[ARGS]" + json,
         "[TOOL_CALLS]get[ARGS]" + json + "[TOOL_CALLS]get[ARGS]" + json,
         "Hi.[TOOL_CALLS]get[ARGS]" + json},
        {"mistral",
         "tools [TOOL_CALLS][",
         {"[TOOL_CALLS]"},
         "[TOOL_CALLS][" + with_id + "]",
         "[TOOL_CALLS] [" + entry + ", " + with_id + "]",
         "Hi.[TOOL_CALLS][" + entry + "]"},
        {"deepseek", "tools " + begin + "<｜tool▁sep｜> ```json", deep_tokens,
         begin + deep + end, begin + deep + "\n" + deep + end,
         "Hi.\n" + begin + deep + end},
        {"deepseek-v3.1", "tools " + begin + "<｜tool▁sep｜>", deep_tokens,
         begin + deeper + end, begin + deeper + deeper + end,
         "Hi." + begin + deeper + end},
        {"functionary-v3.2",
         "tools >>>all",
         {},
         "get\n" + json,
         "get\n" + json + ">>>get\n" + json,
         "all\nHi.>>>get\n" + json,
         "all\nHi."},
        {"functionary-v3.1",
         "tools <function= </function>",
         {},
         "<function=get>" + json + "</function>",
         "<function=get>" + json + "</function><function=get>" + json +
             "</function>",
         "Hi.<function=get>" + json + "</function>"},
        {"llama3",
         "tools <|start_header_id|> \"parameters\": ",
         {"<|python_tag|>"},
         llama,
         "",
         ""},
        {"general", "messages", {}, tag, tag + "\n" + tag, "Hi.\n" + tag},
    };
  }();
  return all;
}

const Spoken& speaks(const std::string& name) {
  for (const Spoken& one : spoken()) {
    if (one.name == name) return one;
  }
  throw std::logic_error("no format " + name);
}

AnswerRules rules_of(Calls calls = Calls::kMay) {
  AnswerRules rules;
  rules.calls = calls;
  rules.tools = {
      {.name = "get", .parameters = R"({"type": "object", "properties":
           {"city": {"type": "string"}, "days": {"type": "integer"}},
           "required": ["city"], "additionalProperties": false})"},
      {.name = "get_all"}};
  return rules;
}

// A model of one format whose tokens are bytes.
class Model {
 public:
  explicit Model(const Spoken& format)
      : tokenizer_(format.specials),
        syntax_(format.shown, tokenizer_),
        vocabulary_(test::vocabulary_of(tokenizer_)) {}

  const ToolSyntax& syntax() const { return syntax_; }

  enum Verdict { kRefused, kBegins, kAccepted };
  Verdict judge(const AnswerRules& rules, const std::string& answer) const {
    const Matcher matcher(answer_constraint(rules, syntax_), vocabulary_);
    Matcher::State state = matcher.begin();
    for (const Token token : tokenizer_.encode(answer, {})) {
      if (!matcher.advance(state, token)) return kRefused;
    }
    return matcher.may_end(state) ? kAccepted : kBegins;
  }

  // An answer, token by token as the constraint allows.
  std::string draw(const AnswerRules& rules, std::mt19937& random) const {
    const Matcher matcher(answer_constraint(rules, syntax_), vocabulary_);
    Matcher::State state = matcher.begin();
    std::string answer;
    for (int i = 0; i < 5000; ++i) {
      std::vector<Token> allowed;
      matcher.mask(state)->for_each(
          [&](Token token) { allowed.push_back(token); });
      const bool may_end = matcher.may_end(state);
      if (may_end && (allowed.empty() || random() % 3 == 0)) return answer;
      const Token token = allowed.at(random() % allowed.size());
      EXPECT_TRUE(matcher.advance(state, token));
      answer += tokenizer_.token_text(token);
    }
    ADD_FAILURE() << "no end: " << answer;
    return answer;
  }

  // The parts of an answer that comes in pieces of these sizes at most.
  struct Parts {
    std::string text;
    std::vector<std::pair<std::string, std::string>> calls;
    bool operator==(const Parts&) const = default;
  };
  Parts read(const AnswerRules& rules, const std::string& answer,
             std::mt19937* random = nullptr) const {
    std::string stream;
    for (const Token token : tokenizer_.encode(answer, {})) {
      stream += tokenizer_.is_special(token) ? syntax_.mark(token)
                                             : tokenizer_.token_text(token);
    }
    ToolCallReader reader(rules, syntax_);
    Parts parts;
    std::size_t at = 0;
    while (at < stream.size()) {
      std::size_t length =
          random == nullptr ? stream.size() : 1 + (*random)() % 7;
      while (is_continuation(stream, at + length)) ++length;
      add(parts, reader.push(std::string_view(stream).substr(at, length)));
      at += length;
    }
    add(parts, reader.finish());
    return parts;
  }

 private:
  // Whether a byte goes on with a character, which is never cut.
  static bool is_continuation(std::string_view text, std::size_t at) {
    return at < text.size() &&
           (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  }

  static void add(Parts& parts, const ToolCallReader::Read& read) {
    parts.text += read.text;
    for (const ToolCallDelta& call : read.calls) {
      if (call.index == parts.calls.size()) {
        EXPECT_NE(call.name, "");
        parts.calls.emplace_back(call.name, "");
      } else {
        EXPECT_EQ(call.name, "");
      }
      ASSERT_EQ(call.index + 1, parts.calls.size());
      parts.calls.back().second += call.arguments;
    }
  }

  test::ByteTokenizer tokenizer_;
  ToolSyntax syntax_;
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
};

const std::pair<std::string, std::string> kOslo = {"get",
                                                   "{\"city\": \"Oslo\"}"};

class EachFormat : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Spoken& format() const { return spoken()[GetParam()]; }
};

TEST_P(EachFormat, IsKnownByItsTemplate) {
  EXPECT_EQ(Model(format()).syntax().name(), format().name);
}

TEST_P(EachFormat, AnswersAreTextsOrCalls) {
  const Model model(format());
  EXPECT_EQ(model.judge(rules_of(), format().text), Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(), format().one), Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(Calls::kMust), format().text),
            Model::kRefused);
  EXPECT_EQ(model.judge(rules_of(Calls::kMust), format().one),
            Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(Calls::kNever), format().text),
            Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(Calls::kNever), format().one),
            Model::kRefused);
  if (format().two.empty()) return;
  EXPECT_EQ(model.judge(rules_of(), format().two), Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(), format().behind_text), Model::kAccepted);
  AnswerRules one = rules_of();
  one.many_calls = false;
  EXPECT_EQ(model.judge(one, format().one), Model::kAccepted);
  EXPECT_EQ(model.judge(one, format().two), Model::kRefused);
}

TEST_P(EachFormat, ArgumentsAreThoseOfTheSchema) {
  const Model model(format());
  std::string number = format().one;
  number.replace(number.find("city"), 4, "town");
  EXPECT_EQ(model.judge(rules_of(Calls::kMust), number), Model::kRefused);
  std::string other = format().one;
  other.replace(other.find("get"), 3, "put");
  EXPECT_EQ(model.judge(rules_of(Calls::kMust), other), Model::kRefused);
}

TEST_P(EachFormat, PartsAreTheSameHoweverTheAnswerIsCut) {
  const Model model(format());
  std::mt19937 random(7);
  struct Case {
    std::string answer;
    Model::Parts parts;
  };
  std::vector<Case> cases = {{format().text, {"Hi.", {}}},
                             {format().one, {"", {kOslo}}}};
  if (!format().two.empty()) {
    cases.push_back({format().two, {"", {kOslo, kOslo}}});
    cases.push_back({format().behind_text, {"Hi.", {kOslo}}});
  }
  for (const Case& each : cases) {
    EXPECT_EQ(model.read(rules_of(), each.answer), each.parts) << each.answer;
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(model.read(rules_of(), each.answer, &random), each.parts)
          << each.answer;
    }
  }
}

// Wherever an answer is cut, no part of what announces a call is in the text.
TEST_P(EachFormat, ACutAnswerHasNoHalfOfATrigger) {
  if (format().behind_text.empty() || !format().specials.empty()) return;
  const Model model(format());
  const std::string& whole = format().behind_text;
  for (std::size_t n = format().text.size(); n < whole.size(); ++n) {
    ToolCallReader reader(rules_of(), model.syntax());
    EXPECT_EQ(reader.push(whole.substr(0, n)).text, "Hi.");
  }
}

INSTANTIATE_TEST_SUITE_P(Answers, EachFormat,
                         ::testing::Range(std::size_t{0}, spoken().size()),
                         [](const auto& format) {
                           std::string name = spoken()[format.param].name;
                           std::erase_if(name, [](char c) {
                             return std::isalnum(c) == 0;
                           });
                           return name;
                         });

TEST(Answers, WhatOnlyLooksLikeACallStaysText) {
  const Model hermes(speaks("hermes"));
  for (const std::string text :
       {"<tool_cal", "a <tool> b", "{\"name\": \"get\"}", "<tool_call", "<"}) {
    EXPECT_EQ(hermes.judge(rules_of(), text), Model::kAccepted) << text;
    EXPECT_EQ(hermes.read(rules_of(), text).text, text);
  }
  const Model llama(speaks("llama3"));
  for (const std::string text :
       {"{\"name\": \"Ann\", \"age\": 3}", "{\"name\": \"get\", \"param",
        "Use {\"name\": \"get\", \"parameters\": {}}", "{}"}) {
    EXPECT_EQ(llama.judge(rules_of(), text), Model::kAccepted) << text;
    EXPECT_EQ(llama.read(rules_of(), text).text, text);
    EXPECT_TRUE(llama.read(rules_of(), text).calls.empty());
  }
}

TEST(Answers, TheOtherBeginningsOfLlamasCalls) {
  const Model llama(speaks("llama3"));
  const std::string rest =
      "\"name\": \"get\", \"parameters\": "
      "{\"city\": \"Oslo\"}}";
  for (const std::string& answer :
       {"<|python_tag|>{" + rest, "{\"type\": \"function\", " + rest,
        "<|python_tag|>{\"type\": \"function\", " + rest}) {
    EXPECT_EQ(llama.judge(rules_of(Calls::kMust), answer), Model::kAccepted);
    EXPECT_EQ(llama.read(rules_of(), answer), (Model::Parts{"", {kOslo}}));
  }
}

// Some prompts of functionary end with the first trigger, others do not.
TEST(Answers, APromptMayEndWithTheTrigger) {
  const Model model(speaks("functionary-v3.2"));
  const std::string call = ">>>get\n{\"city\": \"Oslo\"}";
  for (const char* before : {"", ">>>"}) {
    const std::string answer = before + ("all\nHi." + call);
    EXPECT_EQ(model.judge(rules_of(), answer), Model::kAccepted);
    EXPECT_EQ(model.read(rules_of(), answer), (Model::Parts{"Hi.", {kOslo}}));
  }
  EXPECT_EQ(model.judge(rules_of(Calls::kMust), call), Model::kAccepted);
  EXPECT_EQ(model.read(rules_of(), call), (Model::Parts{"", {kOslo}}));
  // Without tools there is nothing but the announcement.
  EXPECT_EQ(model.read({}, ">>>all\nHi."), (Model::Parts{"Hi.", {}}));
}

TEST(Answers, TemplatesShowToolsOrLeaveItToThePrompt) {
  const test::ByteTokenizer tokenizer({});
  const ToolSyntax hermes("tools <tool_call>", tokenizer);
  EXPECT_TRUE(hermes.shows_tools());
  EXPECT_TRUE(hermes.in_template());
  const ToolSyntax deepseek("<｜tool▁calls▁begin｜><｜tool▁sep｜>", tokenizer);
  EXPECT_FALSE(deepseek.shows_tools());
  EXPECT_TRUE(deepseek.in_template());
  EXPECT_THAT(deepseek.instructions("[]"), HasSubstr("NAME<｜tool▁sep｜>"));
  const ToolSyntax general("tools, in an unknown way", tokenizer);
  EXPECT_FALSE(general.shows_tools());
  EXPECT_FALSE(general.in_template());
}

// A text in front of a trigger must not make an earlier one of it.
TEST(Answers, ATriggerIsFoundWhereTheGrammarHasIt) {
  const Model model(speaks("functionary-v3.2"));
  const std::string call = ">>>get\n{\"city\": \"Oslo\"}";
  EXPECT_EQ(model.judge(rules_of(), "all\na>" + call), Model::kRefused);
  EXPECT_EQ(model.judge(rules_of(), "all\na> " + call), Model::kAccepted);
  EXPECT_EQ(model.judge(rules_of(), "all\na>>"), Model::kAccepted);
}

TEST(Answers, ThoughtsComeFirst) {
  const Model model(speaks("hermes"));
  AnswerRules rules = rules_of();
  const std::string call = speaks("hermes").one;
  rules.thinking = Thinking::kMay;
  EXPECT_EQ(model.judge(rules, "<think>\n<tool_call>?\n</think>\n\n" + call),
            Model::kAccepted);
  EXPECT_EQ(model.judge(rules, "<think>a"), Model::kBegins);
  EXPECT_EQ(model.judge(rules, "Hi."), Model::kAccepted);
  rules.thinking = Thinking::kBegun;
  EXPECT_EQ(model.judge(rules, "a</think>" + call), Model::kAccepted);
  EXPECT_EQ(model.judge(rules, "Hi."), Model::kBegins);
  AnswerRules json;
  json.text = TextRule{TextRule::Kind::kJsonObject};
  json.thinking = Thinking::kMay;
  EXPECT_EQ(model.judge(json, "<think>no</think>\n{\"a\": 1}"),
            Model::kAccepted);
  EXPECT_EQ(model.judge(json, "{\"a\": 1}"), Model::kAccepted);
  EXPECT_EQ(model.judge(json, "no"), Model::kRefused);
}

TEST(Answers, ATextWithARuleIsEitherThatOrCalls) {
  const Model model(speaks("hermes"));
  AnswerRules rules = rules_of();
  rules.text = TextRule{TextRule::Kind::kChoice, {"yes", "no <tool_call>"}};
  EXPECT_EQ(model.judge(rules, "yes"), Model::kAccepted);
  EXPECT_EQ(model.judge(rules, speaks("hermes").two), Model::kAccepted);
  EXPECT_EQ(model.judge(rules, "yes" + speaks("hermes").one), Model::kRefused);
  EXPECT_EQ(model.read(rules, "no <tool_call>"),
            (Model::Parts{"no <tool_call>", {}}));
}

TEST(Answers, TaggedArgumentsBecomeJson) {
  const Model model(speaks("qwen3-coder"));
  AnswerRules rules;
  rules.tools = {{.name = "put", .parameters = R"({"type": "object",
      "properties": {"text": {"type": "string"}, "n": {"type": "integer"},
                     "all": {"type": "array", "items": {"$ref": "#/$defs/e"}},
                     "mode": {"type": "string", "enum": ["a", "b"]}},
      "required": ["text"], "$defs": {"e": {"enum": [1, "x"]}}})"}};
  const auto call = [](const std::string& arguments) {
    return "<tool_call>\n<function=put>\n" + arguments +
           "</function>\n</tool_call>";
  };
  const std::string all = call(
      "<parameter=text>\nsay \"hi\"\n</b>\n</parameter>\n"
      "<parameter=n>\n-3\n</parameter>\n"
      "<parameter=all>\n[1, \"x\"]\n</parameter>\n"
      "<parameter=mode>\nb\n</parameter>\n");
  EXPECT_EQ(model.judge(rules, all), Model::kAccepted);
  std::mt19937 random(3);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(model.read(rules, all, &random).calls.at(0).second,
              "{\"text\": \"say \\\"hi\\\"\\n</b>\", \"n\": -3, "
              "\"all\": [1, \"x\"], \"mode\": \"b\"}");
  }
  EXPECT_EQ(model.judge(rules, call("")), Model::kRefused);
  EXPECT_EQ(model.judge(rules, call("<parameter=text>\n\n</parameter>\n"
                                    "<parameter=n>\nx\n</parameter>\n")),
            Model::kRefused);
  EXPECT_EQ(model.judge(rules, call("<parameter=text>\n\n</parameter>\n"
                                    "<parameter=mode>\nc\n</parameter>\n")),
            Model::kRefused);
}

TEST(Answers, BadRulesAreNamed) {
  const Model hermes(speaks("hermes"));
  const Model coder(speaks("qwen3-coder"));
  const auto fault = [](const Model& model, const std::string& schema) {
    AnswerRules rules;
    rules.tools = {{"a"}, {.name = "b", .parameters = schema, .where = "b's"}};
    try {
      answer_constraint(rules, model.syntax());
    } catch (const BadRule& bad) {
      EXPECT_EQ(bad.where(), "b's");
      return std::string(bad.what());
    }
    return std::string();
  };
  EXPECT_EQ(fault(hermes, R"({"description": "any"})"), "");
  EXPECT_THAT(fault(hermes, R"({"type": "array"})"), HasSubstr("#/type"));
  EXPECT_THAT(fault(hermes, "[]"),
              HasSubstr("expected the schema of an object"));
  EXPECT_THAT(fault(hermes, R"({"properties": {"a": {"type": "no"}}})"),
              HasSubstr("#/properties/a"));
  EXPECT_THAT(fault(hermes, R"({"not": {}})"), HasSubstr("#"));
  EXPECT_THAT(fault(hermes, R"({"properties": {"a": false},
                  "required": ["a"]})"),
              HasSubstr("#"));
  EXPECT_THAT(fault(coder, R"({"properties":
                  {"a": {"type": "string", "pattern": "x"}}})"),
              HasSubstr("#/properties/a/pattern"));
}

TEST(Answers, ATextThatCannotBeIsRefusedBesideCallsToo) {
  const Model model(speaks("hermes"));
  AnswerRules rules = rules_of();
  rules.text = TextRule{TextRule::Kind::kRegex, {"a^"}, {}, "regex"};
  EXPECT_THAT([&] { answer_constraint(rules, model.syntax()); },
              ::testing::ThrowsMessage<BadRule>(HasSubstr("no text at all")));
}

// The grammar and the reader are made apart from one table: what is drawn from
// the one is understood by the other.
TEST_P(EachFormat, WhatIsDrawnIsRead) {
  const Model model(format());
  AnswerRules rules;
  rules.calls = Calls::kMust;
  rules.tools = {
      {.name = "get", .parameters = R"({"type": "object", "properties": {
                      "a": {"enum": ["x}", "</", 1, null, {"b": "\""}]},
                      "n": {"type": "integer", "minimum": -9, "maximum": 99},
                      "s": {"type": "string", "enum": ["}", "\n", "é\"<"]}},
                      "required": ["s"], "additionalProperties": false})"},
      {.name = "get_all"}};
  std::mt19937 random(11);
  std::size_t most = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string answer = model.draw(rules, random);
    const Model::Parts parts = model.read(rules, answer, &random);
    EXPECT_EQ(parts.text, "") << answer;
    ASSERT_GE(parts.calls.size(), 1u) << answer;
    most = std::max(most, parts.calls.size());
    for (const auto& [name, arguments] : parts.calls) {
      const auto json = nlohmann::json::parse(arguments, nullptr, false);
      ASSERT_TRUE(json.is_object()) << answer << arguments;
      EXPECT_EQ(json.contains("s"), name == "get") << arguments;
    }
  }
  EXPECT_EQ(most > 1, !format().two.empty());
}

// What a template of a model makes of a call is what the model may write.
TEST(Answers, TemplatesWriteCallsAsTheGrammarHasThem) {
  SKIP_WITHOUT_DATA("templates");
  struct Known {
    const char* file;
    const char* format;
  };
  for (const Known& known : std::initializer_list<Known>{
           {"Qwen-Qwen2.5-7B-Instruct", "hermes"},
           {"Qwen-Qwen3-0.6B", "hermes"},
           {"meta-llama-Llama-3.1-8B-Instruct", "llama3"},
           {"meta-llama-Llama-3.2-3B-Instruct", "llama3"},
           {"meta-llama-Llama-3.3-70B-Instruct", "llama3"},
           {"mistralai-Mistral-Nemo-Instruct-2407", "mistral"}}) {
    const auto path =
        test::data_path(fmt::format("templates/{}.jinja", known.file));
    const std::string source = test::read_file(path);
    Spoken format = speaks(known.format);
    format.shown = source;
    const Model model(format);
    EXPECT_EQ(model.syntax().name(), known.format) << path;
    ChatMessage call = {.role = "assistant", .content = std::nullopt};
    call.tool_calls_json = R"([{"id": "aB3456789", "type": "function",
        "function": {"name": "get", "arguments": "{\"city\": \"Oslo\"}"}}])";
    if (std::string_view(known.file).starts_with("Qwen")) call.content = "";
    const std::string written =
        ChatTemplate(source, "<s>", "</s>").render({{"user", "Hi"}, call});
    EXPECT_THAT(written, HasSubstr(format.one)) << path;
    EXPECT_EQ(model.judge(rules_of(), format.one), Model::kAccepted) << path;
  }
}

TEST(Answers, ConstraintsOfEqualRulesAreOne) {
  const Model model(speaks("hermes"));
  AnswerConstraints constraints;
  const auto first = constraints.get(rules_of(), model.syntax());
  EXPECT_EQ(constraints.get(rules_of(), model.syntax()), first);
  AnswerRules other = rules_of();
  other.many_calls = false;
  EXPECT_NE(constraints.get(other, model.syntax()), first);
  EXPECT_NE(constraints.get(rules_of(), Model(speaks("llama3")).syntax()),
            first);
}

TEST(FuzzCorpus, AnswersAreHarmless) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           test::source_dir() / "fuzz" / "corpus" / "answer")) {
    const std::string input = test::read_file(entry.path());
    // However it is cut.
    for (char cut = '0'; cut < '9'; ++cut) {
      std::string other = input;
      other.at(1) = cut;
      test::try_answer(other);
    }
    ++cases;
  }
  EXPECT_GT(cases, 10);
}

TEST(Answers, ToolNames) {
  EXPECT_TRUE(is_tool_name("get_Weather-2.b"));
  for (const char* name : {"", "a b", "a\"", "é", "a\n"}) {
    EXPECT_FALSE(is_tool_name(name)) << name;
  }
  EXPECT_FALSE(is_tool_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace pilotfish
