#ifndef PILOTFISH_TEXT_JINJA_STRING_OPERATIONS_H_
#define PILOTFISH_TEXT_JINJA_STRING_OPERATIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

// What string methods and filters share.
namespace pilotfish::jinja {

// str.replace; a negative `count` replaces all.
std::string replace_text(Runtime& rt, std::string_view text,
                         std::string_view old_text, std::string_view new_text,
                         int64_t count);

// `text` with `times` copies of the character `fill` on either side.
std::string pad_text(Runtime& rt, std::string_view text, int64_t left,
                     int64_t right, std::string_view fill);

// str.center
std::string center_text(Runtime& rt, std::string_view text, int64_t width,
                        std::string_view fill);

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_STRING_OPERATIONS_H_
