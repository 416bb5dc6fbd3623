#ifndef PILOTFISH_TEXT_JINJA_BUILTINS_H_
#define PILOTFISH_TEXT_JINJA_BUILTINS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "text/jinja/characters.h"
#include "text/jinja/runtime.h"

// The built-in filters, tests, functions and string methods, by name. (Methods
// of the other types are found by access.h.)
namespace pilotfish::jinja {

// The filter of this name, null where it is not supported.
const Builtin* find_filter(std::string_view name);
// Those of them that work on sequences and dictionaries.
const Builtin* find_sequence_filter(std::string_view name);

// Those that work on longer texts: truncate, urlencode, wordcount.
const Builtin* find_text_filter(std::string_view name);

// What may follow "is": a built-in that gives a boolean. Null where it is not
// supported.
const Builtin* find_test(std::string_view name);

// The functions every template may call: range, dict, namespace, and Hugging
// Face's raise_exception and strftime_now. Null where there is none.
const Builtin* find_global(std::string_view name);

// The method of Python's str under this name; null where it has none. Fails
// where it has one that is not supported.
const Builtin* find_string_method(Runtime& rt, std::string_view name);

// What string methods and filters share. Results are markup where `text` is.

// str.replace; a negative `count` replaces all.
String replace_text(Runtime& rt, const String& text, std::string_view old_text,
                    const String& new_text, int64_t count);

// str.strip and its kin: `text` without any of `characters` at its sides.
String strip_text(Runtime& rt, const String& text, Side side,
                  std::string_view characters);

// `text` with `left` and `right` copies of the character `fill` on its sides.
String pad_text(Runtime& rt, const String& text, int64_t left, int64_t right,
                const String& fill);

// str.format
Value format_text(Runtime& rt, const String& format, const Values& positional,
                  const Dict& named);

// str.center
String center_text(Runtime& rt, const String& text, int64_t width,
                   const String& fill);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_BUILTINS_H_
