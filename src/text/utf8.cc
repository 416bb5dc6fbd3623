#include "text/utf8.h"

#include <algorithm>
#include <cassert>

namespace pilotfish {
namespace {

struct LeadByte {
  size_t length = 0;  // 0: no character begins so
  // The range of the second byte, which excludes overlong forms, surrogates
  // and values above U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

LeadByte classify(unsigned char byte) {
  if (byte < 0x80) return {.length = 1};
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {.length = 2};
  if (byte == 0xE0) return {.length = 3, .low = 0xA0};
  if (byte == 0xED) return {.length = 3, .high = 0x9F};
  if (byte < 0xF0) return {.length = 3};
  if (byte == 0xF0) return {.length = 4, .low = 0x90};
  if (byte < 0xF4) return {.length = 4};
  if (byte == 0xF4) return {.length = 4, .high = 0x8F};
  return {};
}

// How many bytes at the front belong together: a whole character, or the part
// of one that is well-formed so far (at least 1).
struct Prefix {
  size_t length = 1;
  bool complete = false;
  bool may_continue = false;  // cut off by the end of the text
};

Prefix scan(std::string_view text) {
  const LeadByte lead = classify(static_cast<unsigned char>(text[0]));
  if (lead.length == 0) return {};
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {.length = i, .may_continue = true};
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned char low = i == 1 ? lead.low : 0x80;
    const unsigned char high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {.length = i};
  }
  return {.length = lead.length, .complete = true};
}

}  // namespace

size_t utf8_character_length(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return 1;
  const Prefix prefix = scan(text);
  return prefix.complete ? prefix.length : 0;
}

char32_t utf8_code_point(std::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
  };
  switch (utf8_character_length(character)) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
             (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

void append_utf8(char32_t code_point, std::string& out) {
  assert(code_point < 0x110000 && (code_point < 0xD800 || code_point > 0xDFFF));
  const auto tail = [&](int shift) {
    out += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

size_t last_character(std::string_view text) {
  const size_t most = std::min<size_t>(text.size(), 4);
  for (size_t length = 1; length <= most; ++length) {
    const size_t begin = text.size() - length;
    if (utf8_character_length(text.substr(begin)) == length) return begin;
  }
  return text.size() - 1;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Prefix prefix = scan(text);
    out +=
        prefix.complete ? text.substr(0, prefix.length) : kReplacementCharacter;
    text.remove_prefix(prefix.length);
  }
  return out;
}

size_t utf8_complete_length(std::string_view text) {
  const size_t tail = std::min<size_t>(text.size(), 3);
  for (size_t back = 1; back <= tail; ++back) {
    const size_t begin = text.size() - back;
    const auto byte = static_cast<unsigned char>(text[begin]);
    if (byte >= 0x80 && byte < 0xC0) continue;  // inside a character
    const Prefix last = scan(text.substr(begin));
    return last.may_continue && last.length == back ? begin : text.size();
  }
  return text.size();
}

}  // namespace pilotfish
