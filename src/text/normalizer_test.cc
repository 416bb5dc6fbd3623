#include "text/normalizer.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "pilotfish/error.h"
#include "text/json_node.h"
#include "text/test_vectors.h"
#include "text/unicode_form.h"

namespace pilotfish {
namespace {

std::string normalised(const std::string& json, const std::string& text) {
  const auto document = nlohmann::json::parse(json);
  return normalizer_from_json(JsonNode(document, "test"))->apply(text, true);
}

TEST(Normalizer, EachKindDoesItsPart) {
  EXPECT_EQ(normalised(R"({"type":"Prepend","prepend":"▁"})", "a"), "▁a");
  EXPECT_EQ(normalised(R"({"type":"Prepend","prepend":"▁"})", ""), "");
  EXPECT_EQ(normalised(R"({"type":"Replace","pattern":{"String":"ll"},
                           "content":"L"})",
                       "hello llll"),
            "heLo LL");
  EXPECT_EQ(normalised(R"({"type":"Replace","pattern":{"Regex":"\\s+"},
                           "content":"$0"})",
                       "a  b c"),
            "a$0b$0c");
  EXPECT_EQ(normalised(R"({"type":"NFC"})", "e\u0301"), "\u00E9");
  EXPECT_EQ(normalised(R"({"type":"NFD"})", "\u00E9"), "e\u0301");
  EXPECT_EQ(normalised(R"({"type":"NFKC"})", "\uFB01e\u0301"), "fi\u00E9");
  EXPECT_EQ(normalised(R"({"type":"NFKD"})", "\uFB01\u00E9"), "fie\u0301");
  EXPECT_EQ(normalised(R"({"type":"Lowercase"})", "\u00C9A\u0130"),
            "\u00E9ai\u0307");
  EXPECT_EQ(normalised(R"({"type":"Strip","strip_left":true,
                           "strip_right":false})",
                       " \u3000a "),
            "a ");
  EXPECT_EQ(normalised(R"({"type":"Strip"})", " a\u00A0 "), "a");
  EXPECT_EQ(normalised(R"({"type":"StripAccents"})", "e\u0301"), "e");
  EXPECT_EQ(normalised(R"({"type":"ByteLevel"})", " \u00E9"), "ĠÃ©");
  EXPECT_EQ(normalised(R"({"type":"Sequence","normalizers":[
                           {"type":"Lowercase"},
                           {"type":"Prepend","prepend":"x"}]})",
                       "A"),
            "xa");
}

TEST(Normalizer, FormsEqualUtf8proc) {
  using Form = utf8proc_uint8_t* (*)(const utf8proc_uint8_t*);
  const std::pair<UnicodeForm, Form> forms[] = {
      {UnicodeForm::kNfc, utf8proc_NFC},
      {UnicodeForm::kNfd, utf8proc_NFD},
      {UnicodeForm::kNfkc, utf8proc_NFKC},
      {UnicodeForm::kNfkd, utf8proc_NFKD}};
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text = test::random_text(random, random() % 20);
    for (int k = 0; k < 6; ++k)
      append_utf8(static_cast<char32_t>(0x300 + random() % 0x70), text);
    for (const auto& [form, reference] : forms) {
      const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> expected(
          reference(reinterpret_cast<const utf8proc_uint8_t*>(text.c_str())),
          std::free);
      EXPECT_EQ(to_unicode_form(text, form),
                reinterpret_cast<const char*>(expected.get()));
    }
  }
}

TEST(Normalizer, BytesThatAreNoUtf8PassThrough) {
  EXPECT_EQ(to_unicode_form("\xFF"
                            "e\u0301\xC3",
                            UnicodeForm::kNfc),
            "\xFF\u00E9\xC3");
  EXPECT_EQ(normalised(R"({"type":"Lowercase"})",
                       "\xFF"
                       "A"),
            "\xFF"
            "a");
  EXPECT_EQ(normalised(R"({"type":"Strip"})", "\xA0 "), "\xA0");
}

// utf8proc's own sorting would take minutes.
TEST(Normalizer, LongRunsOfMarksTakeNoTime) {
  std::string text = "a";
  for (int i = 0; i < 300'000; ++i) text += i % 2 ? "\u0301" : "\u0323";
  EXPECT_EQ(to_unicode_form(text, UnicodeForm::kNfd).size(), text.size());
}

TEST(Normalizer, BlanksFollowTheRules) {
  using Prefix = BlankRules::Prefix;
  const auto apply = [](BlankRules rules, const char* text, bool at_start) {
    return make_blank_normalizer(rules)->apply(text, at_start);
  };
  EXPECT_EQ(apply({}, " a b", false), "▁▁a▁b");
  EXPECT_EQ(apply({}, "", true), "");
  EXPECT_EQ(apply({.prefix = Prefix::kFirst}, "a", true), "▁a");
  EXPECT_EQ(apply({.prefix = Prefix::kFirst}, "a", false), "a");
  EXPECT_EQ(apply({.prefix = Prefix::kNever}, "a b", true), "a▁b");
  EXPECT_EQ(apply({.escape = false}, "a b", true), " a b");
  EXPECT_EQ(apply({.remove_extra = true}, "  a   b ", true), "▁a▁b");
  EXPECT_EQ(apply({.remove_extra = true}, "   ", true), "");
}

TEST(Normalizer, RefusesWhatItDoesNotKnow) {
  for (const char* json :
       {R"({"type":"Precompiled"})", R"({"type":"Prepend"})",
        R"({"type":"Replace","pattern":{"String":""},"content":""})",
        R"({"type":"Replace","pattern":{"Regex":"["},"content":""})",
        R"({"type":"Sequence","normalizers":{}})", "3"}) {
    EXPECT_THROW(normalised(json, "a"), Error) << json;
  }
}

TEST(Normalizer, RefusesToBlowATextUp) {
  std::string steps;
  for (int i = 0; i < 30; ++i) {
    if (i > 0) steps += ",";
    steps += R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaa"})";
  }
  EXPECT_THROW(
      normalised(R"({"type":"Sequence","normalizers":[)" + steps + "]}", "a"),
      Error);
}

}  // namespace
}  // namespace pilotfish
