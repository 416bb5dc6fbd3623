// `pilotfish render`: what a chat template makes of a conversation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"

namespace pilotfish {
namespace {

using test::ProgramResult;
using test::run_program;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

class RenderTest : public ::testing::Test {
 protected:
  std::string write(const char* name, const std::string& text) const {
    const std::string path = (folder_.path() / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // With the shipped tokenizer and `source` as its template.
  ProgramResult render(const std::string& source, const std::string& messages,
                       std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {
        "render", "-m",
        (test::source_dir() / "models/pilotfish-stories").string(),
        "--template", write("template.jinja", source)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, {.in = messages});
  }

 private:
  test::TemporaryFolder folder_;
};

constexpr const char* kTemplate =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{{ eos_token }}{% endfor %}{% if tools %}{{ tools|tojson }}{% endif %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}{{ extra }}";
constexpr const char* kMessages = R"([{"role": "user", "content": "Hi!"}])";

TEST_F(RenderTest, PrintsThePromptAsItIs) {
  const ProgramResult result = render(kTemplate, kMessages);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "<s><user>Hi!</s><assistant>");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(RenderTest, TakesFilesToolsAndVariables) {
  const std::string messages = write("messages.json", kMessages);
  const std::string tools = write("tools.json", "[18446744073709551616]");
  const ProgramResult result =
      render(kTemplate, "not read",
             {"--messages", messages, "--tools", tools, "--variables",
              R"({"extra": "!"})", "--no-generation-prompt"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "<s><user>Hi!</s>[18446744073709551616]!");
  EXPECT_EQ(
      render(kTemplate, R"({"messages": [], "tools": ["x"], "stream": true})")
          .out,
      R"(<s>["x"]<assistant>)");
}

TEST_F(RenderTest, IdsAreThoseOfThePrompt) {
  const std::string messages =
      R"([{"role": "user", "content": "once </s> upon"}])";
  const Json json = Json::parse(render(kTemplate, messages, {"--json"}).out);
  EXPECT_EQ(json["text"], "<s><user>once </s> upon</s><assistant>");
  EXPECT_EQ(json["content"], Json::parse("[[4, 8], [9, 23]]"));
  const auto ids = [&](std::vector<std::string> more) {
    more.push_back("--ids");
    return render(kTemplate, messages, more).out;
  };
  std::string expected;
  for (const auto& id : json["tokens"]) {
    expected += (expected.empty() ? "" : " ") + std::to_string(id.get<int>());
  }
  EXPECT_EQ(ids({}), expected + "\n");
  EXPECT_NE(ids({"--parse-special"}), expected + "\n");
}

TEST_F(RenderTest, NotesABosThatComesTwice) {
  const ProgramResult result =
      render("{{ bos_token }}" + std::string(kTemplate), kMessages);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("begins with \"<s>\" twice"));
}

TEST_F(RenderTest, RefusesInOneLine) {
  EXPECT_THAT(render(kTemplate, "[{]").message(),
              HasSubstr("standard input: conversation: malformed JSON"));
  const std::string file = write("bad.json", "[5]");
  EXPECT_THAT(render(kTemplate, "", {"--messages", file}).message(),
              HasSubstr("bad.json: conversation: message 0"));
  EXPECT_THAT(render(kTemplate, kMessages, {"--tools", write("t.json", "[{")})
                  .message(),
              HasSubstr("t.json: malformed JSON"));
  EXPECT_THAT(render(kTemplate, kMessages, {"--variables", "[5]"}).message(),
              HasSubstr("--variables: a JSON object expected"));
  EXPECT_THAT(render("", kMessages).message(),
              HasSubstr("template.jinja: is empty"));
  EXPECT_THAT(
      render("{{ raise_exception('no such role') }}", kMessages).message(),
      HasSubstr("no such role"));
  const ProgramResult none =
      run_program({"render", "-m",
                   (test::source_dir() / "models/pilotfish-stories").string()},
                  {.in = kMessages});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.message(), HasSubstr("has no chat template"));
}

}  // namespace
}  // namespace pilotfish
