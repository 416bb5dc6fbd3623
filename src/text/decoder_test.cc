#include "text/decoder.h"

#include <gtest/gtest.h>

#include "pilotfish/error.h"
#include "text/json_node.h"

namespace pilotfish {
namespace {

std::string decoded(const std::string& json,
                    const std::vector<std::string>& tokens) {
  const auto document = nlohmann::json::parse(json);
  std::vector<DecodedPart> parts;
  for (const std::string& token : tokens) parts.push_back({token, false});
  decoder_from_json(JsonNode(document, "test"))->apply(parts);
  std::string text;
  for (const DecodedPart& part : parts) text += part.text;
  return text;
}

TEST(Decoder, EachKindDoesItsPart) {
  EXPECT_EQ(decoded(R"({"type":"ByteLevel"})", {"ĠcafÃ", "©", "漢"}),
            " caf\u00E9漢");
  EXPECT_EQ(decoded(R"({"type":"ByteFallback"})",
                    {"<0xE6>", "<0xBC>", "<0xA2>", "<0x4g>", "<0x041>"}),
            "漢<0x4g><0x041>");
  EXPECT_EQ(decoded(R"({"type":"Metaspace","replacement":"▁"})", {"▁▁a", "▁b"}),
            " a b");
  EXPECT_EQ(decoded(R"({"type":"Metaspace","replacement":"▁",
                        "prepend_scheme":"never"})",
                    {"▁a"}),
            " a");
  EXPECT_EQ(decoded(R"({"type":"Replace","pattern":{"Regex":"l+"},
                        "content":"L"})",
                    {"hell", "lo"}),
            "heLLo");
  EXPECT_EQ(decoded(R"({"type":"Strip","content":" ","start":1,"stop":2})",
                    {"  a   ", " b "}),
            " a b");
}

TEST(Decoder, StripsTheWholeTextOnceItIsFused) {
  const std::string llama = R"({"type":"Sequence","decoders":[
      {"type":"Replace","pattern":{"String":"▁"},"content":" "},
      {"type":"ByteFallback"},{"type":"Fuse"},
      {"type":"Strip","content":" ","start":1,"stop":0}]})";
  EXPECT_EQ(decoded(llama, {"▁a", "▁b", "<0xF0>"}), "a b\xF0");
  EXPECT_EQ(decoded(llama, {}), "");
}

TEST(Decoder, AddedTokensAreNotSpelledInBytes) {
  std::vector<DecodedPart> parts = {{"é", true}, {"Ã©", false}};
  make_byte_level_decoder()->apply(parts);
  EXPECT_EQ(parts[0].text, "é");
  EXPECT_EQ(parts[1].text, "é");
}

TEST(Decoder, RefusesWhatItDoesNotKnow) {
  for (const char* json :
       {R"({"type":"WordPiece"})", R"({"type":"Strip","content":""})",
        R"({"type":"Strip","content":"a","start":-1,"stop":0})",
        R"({"type":"Sequence"})", "null"}) {
    EXPECT_THROW(decoded(json, {"a"}), Error) << json;
  }
}

}  // namespace
}  // namespace pilotfish
