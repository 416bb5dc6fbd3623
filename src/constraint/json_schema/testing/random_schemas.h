#ifndef PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_RANDOM_SCHEMAS_H_
#define PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_RANDOM_SCHEMAS_H_

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace pilotfish::test {

// Schemas of all keywords that test::Validator knows, and values that they may
// find valid.
class RandomSchemas {
 public:
  explicit RandomSchemas(unsigned seed) : random_(seed) {}

  std::string schema(int depth) {
    if (depth == 0 && draw(4) == 0) return draw(4) == 0 ? "false" : "true";
    std::vector<std::string> members;
    const int count = 1 + draw(3);
    for (int i = 0; i < count; ++i) add_keywords(depth, members);
    return "{" + joined(members) + "}";
  }

  // The values that all schemas are tried on; keys and items are few.
  std::string value(int depth) {
    switch (draw(depth > 0 ? 9 : 5)) {
      case 0:
        return one_of({"null", "true", "false"});
      case 1:
      case 2:
        return one_of({"-1", "0", "1", "2", "0.5", "1.5", "3", "10"});
      case 3:
      case 4:
        return one_of({R"("")", R"("a")", R"("b")", R"("ab")", R"("abc")"});
      case 5:
      case 6: {
        std::vector<std::string> items;
        for (int i = draw(4); i > 0; --i) items.push_back(value(depth - 1));
        return "[" + joined(items) + "]";
      }
      default: {
        std::vector<std::string> members;
        for (const char* key : {"a", "b", "ab", "c"}) {
          if (draw(2) == 0) continue;
          members.push_back(std::string("\"") + key +
                            "\": " + value(depth - 1));
        }
        return "{" + joined(members) + "}";
      }
    }
  }

  int draw(int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random_);
  }

 private:
  std::string one_of(std::vector<std::string> texts) {
    return texts[static_cast<std::size_t>(
        draw(static_cast<int>(texts.size())))];
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
      text += (text.empty() ? "" : ", ") + part;
    }
    return text;
  }

  std::string key() {
    return one_of({R"("a")", R"("b")", R"("ab")", R"("c")"});
  }
  std::string keys() {
    const std::string first = key();
    const std::string second = key();
    return "[" + first + (first == second ? "" : ", " + second) + "]";
  }
  std::string number() { return one_of({"-1", "0", "0.5", "1", "2", "3"}); }
  std::string small() { return one_of({"0", "1", "2"}); }
  std::string schemas(int depth) {
    std::vector<std::string> all;
    for (int i = 1 + draw(3); i > 0; --i) all.push_back(schema(depth - 1));
    return "[" + joined(all) + "]";
  }
  std::string named_schemas(int depth) {
    const std::string first = key();
    const std::string second = key();
    std::string text = "{" + first + ": " + schema(depth - 1);
    if (first != second) text += ", " + second + ": " + schema(depth - 1);
    return text + "}";
  }

  void add(const std::string& keyword, const std::string& value,
           std::vector<std::string>& members) {
    const std::string name = "\"" + keyword + "\": ";
    const auto is_it = [&](const std::string& member) {
      return member.starts_with(name);
    };
    if (std::ranges::none_of(members, is_it)) members.push_back(name + value);
  }

  void add_keywords(int depth, std::vector<std::string>& members) {
    const std::string types = one_of(
        {R"("object")", R"("array")", R"("string")", R"("integer")",
         R"("number")", R"(["object", "null"])", R"(["string", "integer"])"});
    switch (draw(depth > 0 ? 26 : 10)) {
      case 0:
      case 1:
        return add("type", types, members);
      case 2:
        return add("enum", "[" + value(1) + ", " + value(1) + "]", members);
      case 3:
        return add("const", value(1), members);
      case 4:
        return add(one_of({"minimum", "maximum", "exclusiveMinimum",
                           "exclusiveMaximum"}),
                   number(), members);
      case 5:
        return add("multipleOf", one_of({"1", "2", "0.5"}), members);
      case 6:
        return add(one_of({"minLength", "maxLength"}), small(), members);
      case 7:
        return add("pattern", one_of({R"("a")", R"("b")", R"("ab")"}), members);
      case 8:
        return add("required", keys(), members);
      case 9:
        return add(one_of({"minItems", "maxItems"}), small(), members);
      case 10:
      case 11:
      case 12:
        return add("properties", named_schemas(depth), members);
      case 13:
        return add("patternProperties", named_schemas(depth), members);
      case 14:
        return add("additionalProperties", schema(depth - 1), members);
      case 15:
        return add("propertyNames", schema(depth - 1), members);
      case 16:
        return add(one_of({"minProperties", "maxProperties"}), small(),
                   members);
      case 17:
        return add("prefixItems", schemas(depth), members);
      case 18:
        return add("items", schema(depth - 1), members);
      case 19:
        add("contains", schema(depth - 1), members);
        if (draw(2) == 0) add("minContains", small(), members);
        if (draw(2) == 0) add("maxContains", small(), members);
        return;
      case 20:
        return add(one_of({"allOf", "anyOf"}), schemas(depth), members);
      case 21:
        return add("oneOf", schemas(depth), members);
      case 22:
        return add("not", schema(depth - 1), members);
      case 23:
        add("if", schema(depth - 1), members);
        add("then", schema(depth - 1), members);
        if (draw(2) == 0) add("else", schema(depth - 1), members);
        return;
      case 24:
        return add("dependentRequired", "{" + key() + ": " + keys() + "}",
                   members);
      default:
        return add("dependentSchemas", named_schemas(depth), members);
    }
  }

  std::mt19937 random_;
};

}  // namespace pilotfish::test

#endif  // PILOTFISH_CONSTRAINT_JSON_SCHEMA_TESTING_RANDOM_SCHEMAS_H_
