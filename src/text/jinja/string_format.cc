#include <fmt/core.h>

#include <charconv>
#include <optional>
#include <string>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/format_spec.h"
#include "text/jinja/printer.h"

// str.format, with what Jinja's sandbox lets fields reach.
namespace pilotfish::jinja {
namespace {

// Fields within the format of a field, at most.
constexpr int kMaxFieldDepth = 2;

struct Field {
  std::string_view name;  // with attributes and subscripts
  char conversion = '\0';
  std::string_view spec;
};

class FieldFormatter {
 public:
  FieldFormatter(Runtime& rt, const String& format, const Values& positional,
                 const Dict& named)
      : rt_(rt), format_(format), positional_(positional), named_(named) {}

  String run() {
    String out{{}, format_.markup};
    write(format_.text, kMaxFieldDepth, out);
    return out;
  }

 private:
  // Appends `text`, a part of the format, with its fields filled in.
  void write(std::string_view text, int depth, String& out) {
    if (depth == 0) rt_.fail("'format': fields nested too deeply");
    while (!text.empty()) {
      const size_t brace = std::min(text.find_first_of("{}"), text.size());
      put(out, text.substr(0, brace));
      text.remove_prefix(brace);
      if (text.empty()) break;
      if (text.size() > 1 && text[0] == text[1]) {
        put(out, text.substr(0, 1));
        text.remove_prefix(2);
      } else if (text[0] == '}') {
        rt_.fail("'format': a single '}'");
      } else {
        text.remove_prefix(1);
        write_field(take_field(text), depth, out);
      }
    }
  }

  void put(String& out, std::string_view part) {
    rt_.check_size(out.text.size() + part.size());
    out.append(format_, part);
  }

  // Takes a field and its closing brace off the front.
  Field take_field(std::string_view& text) {
    Field field;
    size_t end = 0;
    while (end < text.size() && text[end] != '}' && text[end] != ':' &&
           text[end] != '!') {
      if (text[end] == '{') rt_.fail("'format': '{' in a field's name");
      if (text[end] == '[') end = std::min(text.find(']', end), text.size());
      if (end < text.size()) ++end;
    }
    field.name = text.substr(0, end);
    text.remove_prefix(end);
    if (text.starts_with('!')) {
      if (text.size() < 3 || (text[2] != ':' && text[2] != '}')) {
        rt_.fail("'format': a conversion of one character expected after '!'");
      }
      field.conversion = text[1];
      text.remove_prefix(2);
    }
    if (text.starts_with(':')) {
      text.remove_prefix(1);
      field.spec = text.substr(0, spec_size(text));
      text.remove_prefix(field.spec.size());
    }
    if (!text.starts_with('}')) rt_.fail("'format': a field without its '}'");
    text.remove_prefix(1);
    return field;
  }

  // Up to the brace that closes the field, which may hold others.
  static size_t spec_size(std::string_view text) {
    size_t open = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '{') ++open;
      if (text[i] != '}') continue;
      if (open == 0) return i;
      --open;
    }
    return text.size();
  }

  void write_field(const Field& field, int depth, String& out) {
    rt_.charge(1);
    const Value value = converted(field.conversion, field_value(field.name));
    String spec;
    if (!field.spec.empty()) write(field.spec, depth - 1, spec);
    const String text = format_value(rt_, value, spec.text);
    const bool is_markup = value.string() != nullptr && value.string()->markup;
    rt_.check_size(out.text.size() + text.text.size());
    out.append(format_.markup && !is_markup ? escape_html(text) : text);
  }

  Value converted(char conversion, const Value& value) {
    switch (conversion) {
      case '\0':
        return value;
      case 's':
        return Value(to_text(rt_, value));
      case 'r':
        return Value(to_repr(rt_, value));
      case 'a':
        return Value(ascii(to_repr(rt_, value)));
      default:
        rt_.fail(fmt::format("'format': unknown conversion '!{}'",
                             std::string_view(&conversion, 1)));
    }
  }

  // What Python's ascii() makes of a repr().
  static String ascii(const String& repr) {
    std::string out;
    for (size_t at = 0; at < repr.text.size();) {
      const Character c = character_at(repr.text, at);
      const auto code = static_cast<uint32_t>(c.code);
      if (code < 0x80) {
        out += repr.text[at];
      } else if (code < 0x100) {
        out += fmt::format("\\x{:02x}", code);
      } else if (code < 0x10000) {
        out += fmt::format("\\u{:04x}", code);
      } else {
        out += fmt::format("\\U{:08x}", code);
      }
      at += c.bytes;
    }
    return made_from(repr, std::move(out));
  }

  // "0.name[key]": an argument, then what it holds.
  Value field_value(std::string_view name) {
    const size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    std::string_view rest = name.substr(end);
    while (!rest.empty()) {
      const bool is_attribute = rest[0] == '.';
      if (!is_attribute && rest[0] != '[') {
        rt_.fail("'format': '.' or '[' expected after ']'");
      }
      rest.remove_prefix(1);
      const size_t size = is_attribute
                              ? std::min(rest.find_first_of(".["), rest.size())
                              : rest.find(']');
      if (size == 0 || size == std::string_view::npos) {
        rt_.fail("'format': an empty attribute or a missing ']'");
      }
      const std::string_view key = rest.substr(0, size);
      rest.remove_prefix(is_attribute ? size : size + 1);
      if (is_attribute) {
        value = get_attribute(rt_, value, key);
      } else if (const auto index = number(key)) {
        value = get_item(rt_, value, Value(*index));
      } else {
        value = get_item(rt_, value, rt_.string(std::string(key)));
      }
    }
    return value;
  }

  static std::optional<int64_t> number(std::string_view text) {
    int64_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error != std::errc() || end != last || value < 0) return std::nullopt;
    return value;
  }

  Value argument(std::string_view name) {
    const auto given = number(name);
    if (!name.empty() && !given) {
      const Value* value = named_.find(name);
      if (value != nullptr) return *value;
      rt_.fail(fmt::format("'format': no argument is named '{}'", name));
    }
    const bool is_automatic = name.empty();
    if (automatic_.value_or(is_automatic) != is_automatic) {
      rt_.fail("'format': numbered and unnumbered fields together");
    }
    automatic_ = is_automatic;
    const auto index = is_automatic ? next_++ : static_cast<size_t>(*given);
    if (index >= positional_.size()) {
      rt_.fail(fmt::format("'format': there is no argument {}", index));
    }
    return positional_[index];
  }

  Runtime& rt_;
  const String& format_;
  const Values& positional_;
  const Dict& named_;
  std::optional<bool> automatic_;  // whether fields are numbered by their place
  size_t next_ = 0;
};

}  // namespace

Value format_text(Runtime& rt, const String& format, const Values& positional,
                  const Dict& named) {
  return rt.string(FieldFormatter(rt, format, positional, named).run());
}

}  // namespace pilotfish::jinja
