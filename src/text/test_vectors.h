#ifndef PILOTFISH_TEXT_TEST_VECTORS_H_
#define PILOTFISH_TEXT_TEST_VECTORS_H_

#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"
#include "test_data.h"
#include "text/utf8.h"

namespace pilotfish::test {

struct Vector {
  std::string text;
  std::vector<Token> tokens;  // without BOS
};

// The vectors of "tokenizers/NAME": texts with a separator behind each, and a
// line of ids for each.
inline std::vector<Vector> read_vectors(const std::string& name) {
  static constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string texts =
      read_file(data_path("tokenizers/" + name + "/vectors.inp"));
  std::istringstream lines(
      read_file(data_path("tokenizers/" + name + "/vectors.out")));
  std::vector<Vector> vectors;
  for (size_t begin = 0; begin <= texts.size();) {
    const size_t end = std::min(texts.find(kSeparator, begin), texts.size());
    Vector vector{texts.substr(begin, end - begin), {}};
    std::string line;
    std::getline(lines, line);
    std::istringstream ids(line);
    for (Token id; ids >> id;) vector.tokens.push_back(id);
    vectors.push_back(std::move(vector));
    begin = end + kSeparator.size();
  }
  return vectors;
}

// Words, blanks, line breaks and characters of every length and plane.
inline std::string random_text(std::mt19937& random, size_t characters) {
  static constexpr std::string_view kPieces[] = {" ",
                                                 "  ",
                                                 "\n",
                                                 "\t",
                                                 "the",
                                                 "Hello",
                                                 "'s",
                                                 "don't",
                                                 "12345",
                                                 "é",
                                                 "ü",
                                                 "ß",
                                                 "漢字",
                                                 "日",
                                                 "한",
                                                 "🙂",
                                                 "👩‍👩‍👧",
                                                 "\u0301",
                                                 "▁",
                                                 "\u00A0",
                                                 ".",
                                                 ",",
                                                 "--",
                                                 "(x)",
                                                 "</",
                                                 "s>",
                                                 "<0x0A>",
                                                 "ab",
                                                 "Z",
                                                 "\r\n",
                                                 "\u2028",
                                                 "नमस्ते",
                                                 "\u0085",
                                                 "\u3000"};
  std::string text;
  for (size_t i = 0; i < characters; ++i) {
    if (random() % 3 != 0) {
      text += kPieces[random() % std::size(kPieces)];
      continue;
    }
    char32_t c = static_cast<char32_t>(random() % 0x110000);
    if (random() % 2 == 0) c %= 0x3000;
    if (c == 0 || (c >= 0xD800 && c < 0xE000)) c = U'x';
    append_utf8(c, text);
  }
  return text;
}

inline std::string random_bytes(std::mt19937& random, size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(random() % 256);
  return bytes;
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_TEXT_TEST_VECTORS_H_
