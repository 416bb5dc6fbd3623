#include <algorithm>

#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"

// What string methods and filters share.
namespace pilotfish::jinja {
namespace {

// An empty old text matches before every character and at the end.
String interleave(Runtime& rt, const String& whole, const String& new_text,
                  uint64_t count) {
  const std::string_view text = whole.text;
  String out{{}, whole.markup};
  uint64_t done = 0;
  for (size_t at = 0; at <= text.size();) {
    if (done < count) {
      out.append(new_text);
      ++done;
    }
    if (at == text.size()) break;
    const size_t bytes = character_at(text, at).bytes;
    out.append(whole, text.substr(at, bytes));
    at += bytes;
    rt.check_size(out.text.size());
  }
  return out;
}

}  // namespace

String replace_text(Runtime& rt, const String& whole, std::string_view old_text,
                    const String& new_text, int64_t count) {
  const std::string_view text = whole.text;
  const uint64_t most = count < 0 ? UINT64_MAX : static_cast<uint64_t>(count);
  rt.charge(text.size() / kBytesPerUnit);
  if (old_text.empty()) return interleave(rt, whole, new_text, most);
  String out{{}, whole.markup};
  size_t from = 0;
  for (uint64_t done = 0; done < most; ++done) {
    const size_t found = find_text(text, old_text, from);
    if (found == std::string_view::npos) break;
    rt.charge(1);
    rt.check_size(out.text.size() + found - from + new_text.text.size());
    out.append(whole, text.substr(from, found - from));
    out.append(new_text);
    from = found + old_text.size();
  }
  out.append(whole, text.substr(from));
  return out;
}

String strip_text(Runtime& rt, const String& text, Side side,
                  std::string_view characters) {
  rt.charge(text.text.size() / kBytesPerUnit *
            (1 + characters.size() / kBytesPerUnit));
  return part_of(text, strip(text.text, side, characters));
}

String pad_text(Runtime& rt, const String& text, int64_t left, int64_t right,
                const String& fill) {
  const auto limit = static_cast<int64_t>(kMaxStringBytes);
  const auto before = static_cast<size_t>(std::clamp<int64_t>(left, 0, limit));
  const auto after = static_cast<size_t>(std::clamp<int64_t>(right, 0, limit));
  rt.check_size(text.text.size() + (before + after) * fill.text.size());
  String out{{}, text.markup};
  for (size_t i = 0; i < before; ++i) out.append(fill);
  out.append(text);
  for (size_t i = 0; i < after; ++i) out.append(fill);
  return out;
}

String center_text(Runtime& rt, const String& text, int64_t width,
                   const String& fill) {
  const auto size = static_cast<int64_t>(count_characters(text.text));
  if (width <= size) return text;
  // CPython's own rounding: the odd space goes left where the width is odd.
  const int64_t missing = width - size;
  const int64_t left = missing / 2 + (missing & width & 1);
  return pad_text(rt, text, left, missing - left, fill);
}

}  // namespace pilotfish::jinja
