#include "formats/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/mapped_file.h"
#include "formats/in_quotes.h"
#include "formats/json_literals.h"
#include "formats/known_mistake.h"
#include "pilotfish/error.h"

namespace pilotfish {
namespace {

using nlohmann::json;

// Far deeper than any model's description, far shallower than the stack.
constexpr int kMaxDepth = 64;

// Watches the parser for what it would let pass.
class Watch {
 public:
  explicit Watch(const std::string& where) : where_(where) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        keys_.emplace_back();
        [[fallthrough]];
      case json::parse_event_t::array_start:
        if (depth >= kMaxDepth) {
          throw Error(fmt::format("{}: JSON nested deeper than {} levels",
                                  where_, kMaxDepth));
        }
        break;
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second) {
          throw Error(
              fmt::format("{}: key {} appears twice in one JSON object", where_,
                          in_quotes(parsed.get_ref<const std::string&>())));
        }
        break;
      default:
        break;
    }
    return true;
  }

 private:
  const std::string& where_;
  std::vector<std::set<std::string>> keys_;  // of the objects now open
};

// Calls `parse`, a second time with Python's literals in quotes where the first
// fails, and turns nlohmann's exceptions into errors.
template <typename Parse>
json parse_with(std::string_view text, const std::string& where,
                const Parse& parse) {
  try {
    return parse(text);
  } catch (const json::parse_error& error) {
    const QuotedLiterals quoted = quote_literals(text);
    size_t byte = error.byte;
    if (!quoted.ends.empty()) {
      try {
        return parse(quoted.text);
      } catch (const json::parse_error& second) {
        byte = quoted.original(second.byte);
      } catch (const json::exception&) {
        throw Error(fmt::format("{}: a number in it is out of range", where));
      }
    }
    if (const auto mistake = known_mistake(text)) {
      throw Error(fmt::format("{}: {}", where, *mistake));
    }
    throw Error(fmt::format("{}: not valid JSON at byte {}", where, byte));
  } catch (const json::exception&) {  // 406: a number beyond double's range
    throw Error(fmt::format("{}: a number in it is out of range", where));
  }
}

}  // namespace

json parse_json_object(std::string_view text, const std::string& where) {
  json value = parse_with(text, where, [&](std::string_view plain) {
    return json::parse(
        plain, [watch = Watch(where)](int depth, json::parse_event_t event,
                                      json& parsed) mutable {
          return watch(depth, event, parsed);
        });
  });
  if (!value.is_object()) {
    throw Error(fmt::format("{}: found a JSON {}, expected an object", where,
                            value.type_name()));
  }
  return value;
}

json parse_any_json(std::string_view text, const std::string& where) {
  return parse_with(text, where,
                    [](std::string_view plain) { return json::parse(plain); });
}

json read_json_object(const std::filesystem::path& path) {
  return parse_json_object(MappedFile::open(path).text(), path.string());
}

}  // namespace pilotfish
