#include "text/spm_bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <bit>
#include <cmath>
#include <random>

#include "pilotfish/error.h"
#include "text/test_vectors.h"
#include "text/tokenizer_formats.h"

// SentencePiece models written here, read by this project and by
// libsentencepiece.
namespace pilotfish {
namespace {

using testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string number(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}
std::string bytes(int field, const std::string& value) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) +
         varint(value.size()) + value;
}

struct ToyModel {
  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::kNormal;
  };
  std::vector<Piece> pieces = {{"<unk>", 0, PieceType::kUnknown},
                               {"<s>", 0, PieceType::kControl},
                               {"</s>", 0, PieceType::kControl}};
  std::uint64_t model_type = 2;
  bool byte_fallback = false;
  bool dummy_prefix = true;
  bool remove_extra = false;
  std::string more_trainer = {};
  std::string more_normalizer = {};

  std::string serialized() const {
    std::string out;
    for (const Piece& piece : pieces) {
      std::string score(4, '\0');
      const auto bits = std::bit_cast<std::uint32_t>(piece.score);
      for (size_t i = 0; i < 4; ++i) {
        score[i] = static_cast<char>(bits >> (8 * i));
      }
      out += bytes(1, bytes(1, piece.text) + varint(2 << 3 | 5) + score +
                          number(3, static_cast<std::uint64_t>(piece.type)));
    }
    out += bytes(
        2, number(3, model_type) + number(35, byte_fallback) + more_trainer);
    return out + normalizer_spec();
  }

  std::string normalizer_spec() const {
    return bytes(3, bytes(1, "identity") + number(3, dummy_prefix) +
                        number(4, remove_extra) + number(5, 1) +
                        more_normalizer);
  }
};

std::shared_ptr<const Tokenizer> load(const ToyModel& model) {
  return tokenizer_from_sentencepiece(model.serialized(), {}, "toy.model");
}

void add_bytes(ToyModel& model) {
  model.byte_fallback = true;
  for (int i = 0; i < 256; ++i) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", i);
    model.pieces.push_back({text, 0, PieceType::kByte});
  }
}

// A random model over a few characters, with scores that often tie, unused and
// user-defined pieces, and any of the flags.
ToyModel random_model(std::mt19937& random) {
  ToyModel model;
  model.dummy_prefix = random() % 2;
  model.remove_extra = random() % 2;
  if (random() % 2) add_bytes(model);
  std::set<std::string> known;
  const auto add = [&](const std::string& text, PieceType type) {
    if (!known.insert(text).second) return;
    model.pieces.push_back({text, -static_cast<float>(random() % 12), type});
  };
  const std::vector<std::string> characters = {"▁", "a", "b", "c", "é"};
  for (const std::string& c : characters) add(c, PieceType::kNormal);
  for (int i = 0; i < 25; ++i) {
    std::string text;
    for (size_t k = 2 + random() % 4; k > 0; --k) {
      text += characters[random() % characters.size()];
    }
    const auto kind = random() % 12;
    add(text, kind == 0   ? PieceType::kUserDefined
              : kind <= 2 ? PieceType::kUnused
                          : PieceType::kNormal);
  }
  return model;
}

TEST(SpmBpe, EqualsSentencePieceOnRandomModels) {
  std::mt19937 random(11);
  constexpr std::string_view kPieces[] = {" ", "a", "b",  "c", "é", "a",
                                          "b", "▁", "漢", "x", "  "};
  for (int round = 0; round < 400; ++round) {
    const ToyModel model = random_model(random);
    sentencepiece::SentencePieceProcessor reference;
    ASSERT_TRUE(reference.LoadFromSerializedProto(model.serialized()).ok());
    const auto tokenizer = load(model);
    for (int i = 0; i < 30; ++i) {
      std::string text;
      for (size_t k = random() % 25; k > 0; --k) {
        text += kPieces[random() % std::size(kPieces)];
      }
      ASSERT_EQ(tokenizer->encode(
                    text, {.add_special = false, .parse_special = false}),
                reference.EncodeAsIds(text))
          << "\"" << text << "\" in round " << round;
    }
  }
}

TEST(SpmBpe, InvalidBytesBecomeBytesOrTheReplacementCharacter) {
  ToyModel model;
  model.pieces.push_back({"\uFFFD", -1, PieceType::kNormal});
  model.pieces.push_back({"▁", -2, PieceType::kNormal});
  const EncodeOptions plain = {.add_special = false};
  EXPECT_THAT(load(model)->encode("\xFF"
                                  "x",
                                  plain),
              testing::ElementsAre(4, 3, 0));
  add_bytes(model);
  EXPECT_EQ(load(model)->decode(load(model)->encode("\xFF"
                                                    "x")),
            "\xFF"
            "x");
}

std::string model_error(const std::string& model) {
  try {
    tokenizer_from_sentencepiece(model, {}, "toy.model");
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

TEST(SpmBpe, AnUnknownWordBehindAnotherIsATokenOfItsOwn) {
  auto vocabulary = std::make_shared<Vocabulary>();
  vocabulary->add(0, "<unk>");
  vocabulary->add(1, "a");
  const SpmBpeModel model(vocabulary,
                          {.scores = {0, 0},
                           .types = {PieceType::kUnknown, PieceType::kNormal},
                           .unknown = 0});
  MergeLoop loop;
  std::vector<Token> tokens;
  for (const char* word : {"a\u00E9\u00E8", "\u00E9\u00E8"}) {
    model.encode(word, loop, tokens);
  }
  EXPECT_THAT(tokens, testing::ElementsAre(1, 0, 0));
}

TEST(SpmBpe, NamesWhatItDoesNotSupport) {
  ToyModel unigram;
  unigram.model_type = 1;
  EXPECT_THAT(model_error(unigram.serialized()),
              HasSubstr("toy.model: trainer_spec.model_type is 1 (unigram)"));
  ToyModel suffix;
  suffix.more_trainer = number(24, 1);
  EXPECT_THAT(model_error(suffix.serialized()),
              HasSubstr("treat_whitespace_as_suffix"));
  ToyModel mapped;
  mapped.more_normalizer = bytes(2, "map");
  EXPECT_THAT(model_error(mapped.serialized()), HasSubstr("maps characters"));
  ToyModel odd;
  odd.pieces.push_back({"a", std::nanf(""), PieceType::kNormal});
  EXPECT_THAT(model_error(odd.serialized()),
              HasSubstr("the score of token 3 is not a number"));
  EXPECT_THAT(model_error(""), HasSubstr("it has no pieces"));
}

// Cut right before normalizer_spec, which then has its defaults, it is whole.
TEST(SpmBpe, EveryTruncationIsAnErrorOrAShorterModel) {
  ToyModel model;
  model.pieces.push_back({"a", -1, PieceType::kNormal});
  const std::string whole = model.serialized();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string error = model_error(whole.substr(0, size));
    if (size == whole.size() - model.normalizer_spec().size()) {
      EXPECT_EQ(error, "accepted");
    } else {
      EXPECT_THAT(error, HasSubstr("toy.model: ")) << size;
    }
  }
}

TEST(SpmBpe, RefusesMalformedFields) {
  EXPECT_THAT(model_error(std::string(12, '\xFF')),
              HasSubstr("a number of more than 64 bits"));
  EXPECT_THAT(model_error("\x0B"), HasSubstr("wire type 3"));
  EXPECT_THAT(model_error(std::string(1, '\0')),
              HasSubstr("no valid field number"));
  EXPECT_THAT(model_error("\x0A\xFF\xFF\xFF\xFF\x0F"),
              HasSubstr("a field of 4294967295 bytes with 0 left"));
  EXPECT_THAT(model_error("\x08\x01"), HasSubstr("a number in place"));
  EXPECT_THAT(model_error(bytes(1, number(3, 9))),
              HasSubstr("a piece of type 9"));
}

}  // namespace
}  // namespace pilotfish
