#include <fmt/core.h>

#include <ctime>
#include <type_traits>

#include "text/jinja/access.h"
#include "text/jinja/big_integer.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printer.h"

namespace pilotfish::jinja {
namespace {

Value is_defined(Call& call) { return Value(!call.input.is_undefined()); }
Value is_undefined(Call& call) { return Value(call.input.is_undefined()); }
Value is_none(Call& call) { return Value(call.input.is_none()); }
Value is_string(Call& call) { return Value(call.input.string() != nullptr); }
Value is_mapping(Call& call) { return Value(call.input.dict() != nullptr); }
Value is_number(Call& call) { return Value(call.input.is_number()); }
Value is_whole_number(Call& call) {
  return Value(is_integer(call.input) && !call.input.is<bool>());
}
Value is_float(Call& call) { return Value(call.input.is<double>()); }
Value is_boolean(Call& call) { return Value(call.input.is<bool>()); }
Value is_iterable_value(Call& call) { return Value(is_iterable(call.input)); }

template <bool wanted>
Value is_exactly(Call& call) {
  const bool* value = call.input.get<bool>();
  return Value(value != nullptr && *value == wanted);
}

// Whatever has a length and a subscript, which Jinja's undefined value has.
Value is_sequence(Call& call) {
  const Sequence* sequence = call.input.sequence();
  return Value(call.input.string() != nullptr || call.input.dict() != nullptr ||
               call.input.is_undefined() ||
               (sequence != nullptr && sequence->kind <= SequenceKind::kRange));
}

Value is_callable(Call& call) {
  return Value(call.input.is<std::shared_ptr<const Method>>() ||
               call.input.is<const Builtin*>() || call.input.is<Loop*>() ||
               call.input.is<Joiner*>() || call.input.is<const Macro*>() ||
               call.input.is_undefined());
}

Value is_escaped(Call& call) {
  return Value(call.input.string() != nullptr && call.input.string()->markup);
}

Value is_filter(Call& call) {
  return Value(call.input.string() != nullptr &&
               find_filter(call.input.string()->text) != nullptr);
}

Value is_test(Call& call) {
  return Value(call.input.string() != nullptr &&
               find_test(call.input.string()->text) != nullptr);
}

Value is_equal(Call& call) {
  return Value(equal(call.rt, call.input, *call.get(0)));
}
Value is_not_equal(Call& call) {
  return Value(!equal(call.rt, call.input, *call.get(0)));
}
Value is_less(Call& call) {
  return Value(less(call.rt, call.input, *call.get(0)));
}
Value is_greater(Call& call) {
  return Value(less(call.rt, *call.get(0), call.input));
}
Value is_at_most(Call& call) {
  return Value(less_or_equal(call.rt, call.input, *call.get(0)));
}
Value is_at_least(Call& call) {
  return Value(less_or_equal(call.rt, *call.get(0), call.input));
}
Value is_in(Call& call) {
  return Value(contains(call.rt, *call.get(0), call.input));
}

Value has_remainder(Call& call, const Value& divisor, int64_t remainder) {
  const Value rest = apply(call.rt, BinaryOp::kModulo, call.input, divisor);
  return Value(equal(call.rt, rest, Value(remainder)));
}
Value is_odd(Call& call) { return has_remainder(call, Value(int64_t{2}), 1); }
Value is_even(Call& call) { return has_remainder(call, Value(int64_t{2}), 0); }
Value is_divisible_by(Call& call) {
  return has_remainder(call, *call.get(0), 0);
}

// "is" in Python. Equal scalars count as one object, equal containers only
// where they are.
Value is_same_as(Call& call) {
  const Value& other = *call.get(0);
  if (call.input.storage().index() != other.storage().index()) {
    return Value(false);
  }
  if (call.input.sequence() != nullptr || call.input.dict() != nullptr) {
    return Value(call.input.sequence() == other.sequence() &&
                 call.input.dict() == other.dict());
  }
  return Value(equal(call.rt, call.input, other));
}

template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Value has_case(Call& call) {
  const String text = to_text(call.rt, call.input);
  return Value(has_one_case(text.text, wanted, other));
}

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
    call.rt.insert(dict, Value(name), value);
  }
  return dict;
}

Value dict(Call& call) { return call.rt.dict(entries(call, "dict")); }

Value make_namespace(Call& call) {
  Namespace* scope = call.rt.make_namespace();
  scope->attributes = entries(call, "namespace");
  return Value(scope);
}

Value make_cycler(Call& call) {
  const Values& items = call.raw.positional;
  if (items.empty()) call.rt.fail("cycler needs at least one value");
  if (!call.raw.named.empty()) call.rt.fail("cycler takes values alone");
  return Value(call.rt.make_cycler(items));
}

Value make_joiner(Call& call) {
  return Value(
      call.rt.make_joiner(call.has(0) ? *call.get(0) : call.rt.string(", ")));
}

Value raise_exception(Call& call) {
  call.rt.fail(to_text(call.rt, *call.get(0)).text);
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

const Builtin* find_test(std::string_view name) {
  static const BuiltinTable table = {
      {"defined", {}, 0, is_defined},
      {"undefined", {}, 0, is_undefined},
      {"none", {}, 0, is_none},
      {"string", {}, 0, is_string},
      {"mapping", {}, 0, is_mapping},
      {"iterable", {}, 0, is_iterable_value},
      {"sequence", {}, 0, is_sequence},
      {"number", {}, 0, is_number},
      {"integer", {}, 0, is_whole_number},
      {"float", {}, 0, is_float},
      {"boolean", {}, 0, is_boolean},
      {"true", {}, 0, is_exactly<true>},
      {"false", {}, 0, is_exactly<false>},
      {"callable", {}, 0, is_callable},
      {"escaped", {}, 0, is_escaped},
      {"filter", {}, 0, is_filter},
      {"test", {}, 0, is_test},
      {"lower", {}, 0, has_case<has_lower_case, has_upper_case>},
      {"upper", {}, 0, has_case<has_upper_case, has_lower_case>},
      {"odd", {}, 0, is_odd},
      {"even", {}, 0, is_even},
      {"divisibleby", {"num"}, 1, is_divisible_by},
      {"sameas", {"other"}, 1, is_same_as},
      {"in", {"seq"}, 1, is_in},
      {"eq", {"other"}, 1, is_equal},
      {"==", {"other"}, 1, is_equal},
      {"equalto", {"other"}, 1, is_equal},
      {"ne", {"other"}, 1, is_not_equal},
      {"!=", {"other"}, 1, is_not_equal},
      {"lt", {"other"}, 1, is_less},
      {"<", {"other"}, 1, is_less},
      {"lessthan", {"other"}, 1, is_less},
      {"gt", {"other"}, 1, is_greater},
      {">", {"other"}, 1, is_greater},
      {"greaterthan", {"other"}, 1, is_greater},
      {"le", {"other"}, 1, is_at_most},
      {"<=", {"other"}, 1, is_at_most},
      {"ge", {"other"}, 1, is_at_least},
      {">=", {"other"}, 1, is_at_least},
  };
  return table.find(name);
}

const Builtin* find_global(std::string_view name) {
  static const BuiltinTable table = {
      {"range", {"start", "stop", "step"}, 1, range},
      {"dict", {}, 0, dict, true},
      {"namespace", {}, 0, make_namespace, true},
      {"cycler", {}, 0, make_cycler, true},
      {"joiner", {"sep"}, 0, make_joiner},
      {"raise_exception", {"message"}, 1, raise_exception},
      {"strftime_now", {"format"}, 1, strftime_now},
  };
  return table.find(name);
}

}  // namespace pilotfish::jinja
