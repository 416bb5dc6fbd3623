#include "text/jinja/globals.h"

#include <fmt/format.h>

#include <ctime>

#include "text/jinja/access.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

Value range(Call& call) {
  const bool one = !call.has(1);
  const int64_t start = one ? 0 : call.integer(0, 0);
  const int64_t stop = call.integer(one ? 0 : 1, 0);
  const int64_t step = call.integer(2, 1);
  if (step == 0) call.rt.fail("range: the step cannot be zero");
  Values items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == static_cast<size_t>(kMaxRange)) {
      call.rt.fail(
          fmt::format("range: more than the {} elements allowed", kMaxRange));
    }
    items.push_back(Value(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return call.rt.sequence(SequenceKind::kRange, std::move(items));
}

// The entries dict() and namespace() are given: a mapping or pairs, then names.
Dict entries(Call& call, std::string_view function) {
  Dict dict;
  const Values& given = call.raw.positional;
  if (given.size() > 1) {
    call.rt.fail(
        fmt::format("{} takes at most one positional argument", function));
  }
  if (!given.empty() && given[0].dict() != nullptr) {
    for (const auto& [key, value] : given[0].dict()->entries()) {
      call.rt.insert(dict, key, value);
    }
  } else if (!given.empty()) {
    call.rt.refuse_undefined(given[0]);
    const auto items = iterate(call.rt, given[0]);
    for (const Value& item : *items) {
      const auto pair = iterate(call.rt, item);
      if (pair->size() != 2) {
        call.rt.fail(fmt::format("{} expects pairs", function));
      }
      call.rt.insert(dict, (*pair)[0], (*pair)[1]);
    }
  }
  for (const auto& [name, value] : call.raw.named) {
    call.rt.insert(dict, Value(std::string(name)), value);
  }
  return dict;
}

Value dict(Call& call) { return call.rt.dict(entries(call, "dict")); }

Value make_namespace(Call& call) {
  Namespace* scope = call.rt.make_namespace();
  scope->attributes = entries(call, "namespace");
  return Value(scope);
}

Value raise_exception(Call& call) {
  call.rt.fail(to_text(call.rt, *call.get(0)));
}

// Python's strftime on a time without a zone: what C's does, but microseconds
// (zero here) for %f and nothing for a zone.
std::string format_time(Runtime& rt, const std::string& format) {
  if (format.size() > 1000 || format.find('\0') != std::string::npos) {
    rt.fail("strftime_now: a format of at most 1000 characters expected");
  }
  std::string pattern;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      pattern.append(format[i] == '%' ? 2 : 1, format[i]);
      continue;
    }
    const char conversion = format[++i];
    if (conversion == 'f') {
      pattern += "000000";
    } else if (conversion != 'z' && conversion != 'Z') {
      pattern += {'%', conversion};
    }
  }
  pattern += ' ';  // tells an empty result from one that does not fit
  const std::tm now = rt.now();
  char text[8192];
  const size_t size = std::strftime(text, sizeof(text), pattern.c_str(), &now);
  if (size == 0) rt.fail("strftime_now: the formatted time is too long");
  return std::string(text, size - 1);
}

Value strftime_now(Call& call) {
  return call.rt.string(format_time(call.rt, call.text(0)));
}

}  // namespace

const Builtin* find_global(std::string_view name) {
  static const BuiltinTable table = {
      {"range", {"start", "stop", "step"}, 1, range},
      {"dict", {}, 0, dict, true},
      {"namespace", {}, 0, make_namespace, true},
      {"raise_exception", {"message"}, 1, raise_exception},
      {"strftime_now", {"format"}, 1, strftime_now},
  };
  return table.find(name);
}

}  // namespace pilotfish::jinja
