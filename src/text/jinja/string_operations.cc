#include "text/jinja/string_operations.h"

#include <algorithm>

#include "text/jinja/characters.h"

namespace pilotfish::jinja {
namespace {

// An empty old text matches before every character and at the end.
std::string interleave(Runtime& rt, std::string_view text,
                       std::string_view new_text, uint64_t count) {
  std::string out;
  uint64_t done = 0;
  for (size_t at = 0; at <= text.size();) {
    if (done < count) {
      out += new_text;
      ++done;
    }
    if (at == text.size()) break;
    const size_t bytes = character_at(text, at).bytes;
    out += text.substr(at, bytes);
    at += bytes;
    rt.check_size(out.size());
  }
  return out;
}

}  // namespace

std::string replace_text(Runtime& rt, std::string_view text,
                         std::string_view old_text, std::string_view new_text,
                         int64_t count) {
  const uint64_t most = count < 0 ? UINT64_MAX : static_cast<uint64_t>(count);
  rt.charge(text.size() / kBytesPerUnit);
  if (old_text.empty()) return interleave(rt, text, new_text, most);
  std::string out;
  size_t from = 0;
  for (uint64_t done = 0; done < most; ++done) {
    const size_t found = find_text(text, old_text, from);
    if (found == std::string_view::npos) break;
    rt.charge(1);
    rt.check_size(out.size() + found - from + new_text.size());
    out += text.substr(from, found - from);
    out += new_text;
    from = found + old_text.size();
  }
  out += text.substr(from);
  return out;
}

std::string pad_text(Runtime& rt, std::string_view text, int64_t left,
                     int64_t right, std::string_view fill) {
  const auto limit = static_cast<int64_t>(kMaxStringBytes);
  const auto before = static_cast<size_t>(std::clamp<int64_t>(left, 0, limit));
  const auto after = static_cast<size_t>(std::clamp<int64_t>(right, 0, limit));
  rt.check_size(text.size() + (before + after) * fill.size());
  std::string out;
  for (size_t i = 0; i < before; ++i) out += fill;
  out += text;
  for (size_t i = 0; i < after; ++i) out += fill;
  return out;
}

std::string center_text(Runtime& rt, std::string_view text, int64_t width,
                        std::string_view fill) {
  const auto size = static_cast<int64_t>(count_characters(text));
  if (width <= size) return std::string(text);
  // CPython's own rounding: the odd space goes left where the width is odd.
  const int64_t missing = width - size;
  const int64_t left = missing / 2 + (missing & width & 1);
  return pad_text(rt, text, left, missing - left, fill);
}

}  // namespace pilotfish::jinja
