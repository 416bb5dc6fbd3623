#ifndef PILOTFISH_SERVER_FIELDS_H_
#define PILOTFISH_SERVER_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/token.h"
#include "server/errors.h"
#include "server/json_text.h"

namespace pilotfish::server {

// Reads the fields of a JSON object by name and type. A field that is missing
// or null is nullopt; one of another type, or with a value out of range, throws
// ApiError 400, which names it. Nobody asks for unknown fields, so they do no
// harm.
class Fields {
 public:
  // `object` must outlive this. `path`: where it lies in the body
  // ("messages[2]"); empty: it is the body.
  // Requires: object.is_object().
  explicit Fields(const InJson& object, std::string path = {});
  // The same for a value whose type is not known yet.
  static Fields of(const InJson& value, const std::string& path);

  // Null: missing or null.
  const InJson* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  std::optional<bool> boolean(std::string_view name) const;
  std::optional<std::int64_t> integer(
      std::string_view name,
      std::int64_t least = std::numeric_limits<std::int64_t>::min(),
      std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<std::string> string(std::string_view name) const;
  std::optional<Fields> object(std::string_view name) const;
  // Null: missing or null. Each element is checked by whoever reads it.
  const InJson* array(std::string_view name) const;
  std::optional<std::vector<Token>> tokens(std::string_view name) const;
  // A string, or an array of strings.
  std::optional<std::vector<std::string>> strings(std::string_view name) const;

  // "messages[2].content"
  std::string path_of(std::string_view name) const;
  // 400 for the value of a field: "NAME: is WHAT".
  [[noreturn]] void refuse(std::string_view name,
                           const std::string& what) const;
  // Throws ApiError for the first of these fields that is there and neither
  // null, false nor empty. `why` follows its name: "is not supported".
  void refuse_any(std::initializer_list<std::string_view> names,
                  const std::string& why) const;

 private:
  const InJson* object_;
  std::string path_;
};

// A value of a JSON array. Throws ApiError as Fields does.
Token token_at(const InJson& value, const std::string& path);
std::string string_at(const InJson& value, const std::string& path);
std::vector<Token> tokens_at(const InJson& value, const std::string& path);

// "3.5", or "a string" for what would be long. For messages.
std::string shown(const InJson& value);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_FIELDS_H_
