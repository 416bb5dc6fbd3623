#include "server/api/tool_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "server/errors.h"
#include "server/json_slice.h"

namespace pilotfish::server {
namespace {

using Calls = AnswerRules::Calls;

constexpr std::size_t kMostTools = 512;

// What a route calls the schema of a tool's arguments.
constexpr std::string_view kParameters = "parameters";
constexpr std::string_view kInputSchema = "input_schema";

class ToolReader {
 public:
  explicit ToolReader(const Fields& fields) : fields_(fields) {}

  // `text` is that of `function`; `schema` names its member.
  void add(const Fields& function, std::string_view text,
           std::string_view schema) {
    Tool tool;
    tool.name = function.string("name").value_or("");
    if (!is_tool_name(tool.name)) {
      function.refuse("name",
                      "is not of 1 to 64 letters, digits, '_', '-' "
                      "and '.'");
    }
    if (std::ranges::count(read_.tools, tool.name, &Tool::name) > 0) {
      function.refuse("name",
                      fmt::format("{} is that of two tools", tool.name));
    }
    if (read_.tools.size() == kMostTools) {
      fields_.refuse("tools", fmt::format("has more than {}", kMostTools));
    }
    tool.lenient = !function.boolean("strict").value_or(false);
    tool.where = function.path_of(schema);
    OutJson shown = {{"name", tool.name}};
    if (const auto words = function.string("description")) {
      shown["description"] = *words;
    }
    std::string json = json_text(shown);
    if (function.object(schema)) {
      tool.parameters = json_member(text, schema);
      json.pop_back();
      json += fmt::format(", \"parameters\": {}}}", tool.parameters);
    }
    list(fmt::format("{{\"type\": \"function\", \"function\": {}}}", json));
    read_.tools.push_back(std::move(tool));
  }

  // None may be called, one of them has to be, or one in particular.
  void choose(std::string_view choice) {
    if (choice == "none") {
      read_.calls = Calls::kNever;
      return;
    }
    if (choice == "auto") return;
    if (read_.tools.empty()) {
      fields_.refuse("tool_choice",
                     "asks for a call, and there are no tools "
                     "to call");
    }
    read_.calls = Calls::kMust;
  }
  void choose_tool(const Fields& choice) {
    const std::string name = choice.string("name").value_or("");
    const auto found = std::ranges::find(read_.tools, name, &Tool::name);
    if (found == read_.tools.end()) {
      choice.refuse("name", fmt::format("\"{}\" is none of the tools", name));
    }
    read_.tools = {Tool(*found)};
    read_.calls = Calls::kMust;
    read_.many_calls = false;
  }
  void forbid_many() { read_.many_calls = false; }

  ToolFields done() && {
    if (!read_.tools_json.empty()) read_.tools_json += ']';
    return std::move(read_);
  }

 private:
  void list(const std::string& tool) {
    read_.tools_json += read_.tools_json.empty() ? "[" : ", ";
    read_.tools_json += tool;
  }

  const Fields& fields_;
  ToolFields read_;
};

// Calls `read` with each tool and its text.
template <class Read>
void for_each_tool(const Fields& fields, std::string_view body, Read read) {
  const InJson* tools = fields.array("tools");
  if (tools == nullptr) return;
  const auto texts = json_elements(json_member(body, "tools"));
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    read(Fields::of((*tools)[i], path), texts[i]);
  }
}

// OpenAI's: a word, or an object, of which `name_of` gives the one that has the
// name of a function.
template <class NameOf>
void read_choice(const Fields& fields, ToolReader& reader, NameOf name_of) {
  const InJson* choice = fields.find("tool_choice");
  if (fields.boolean("parallel_tool_calls") == false) reader.forbid_many();
  if (choice == nullptr) return;
  if (choice->is_string()) {
    const auto word = choice->get<std::string>();
    if (word != "none" && word != "auto" && word != "required") {
      fields.refuse(
          "tool_choice",
          fmt::format("\"{}\" is none of none, auto, required", word));
    }
    reader.choose(word);
    return;
  }
  if (!choice->is_object()) {
    fields.refuse("tool_choice", "is neither a word nor an object");
  }
  const Fields object = *fields.object("tool_choice");
  const std::string type = object.string("type").value_or("");
  if (type == "auto" || type == "none" || type == "required") {
    reader.choose(type);
  } else if (type == "function") {
    reader.choose_tool(name_of(object));
  } else {
    fields.refuse("tool_choice",
                  fmt::format("type \"{}\" is not supported; this server knows "
                              "\"function\"",
                              type));
  }
}

}  // namespace

ToolFields chat_tool_fields(const Fields& fields, std::string_view body) {
  fields.refuse_any({"functions", "function_call"},
                    "is the older way; this server reads tools and "
                    "tool_choice");
  ToolReader reader(fields);
  for_each_tool(fields, body, [&](const Fields& tool, std::string_view text) {
    if (tool.string("type").value_or("function") != "function") {
      tool.refuse("type", "is not \"function\"");
    }
    const std::optional<Fields> function = tool.object("function");
    if (!function) tool.refuse("function", "is missing");
    reader.add(*function, json_member(text, "function"), kParameters);
  });
  read_choice(fields, reader, [](const Fields& choice) {
    const std::optional<Fields> function = choice.object("function");
    if (!function) choice.refuse("function", "is missing");
    return *function;
  });
  return std::move(reader).done();
}

ToolFields response_tool_fields(const Fields& fields, std::string_view body) {
  ToolReader reader(fields);
  for_each_tool(fields, body, [&](const Fields& tool, std::string_view text) {
    const std::string type = tool.string("type").value_or("");
    if (type == "custom") {
      throw ApiError(400,
                     fmt::format("{}: this server calls tools of type "
                                 "\"function\" alone",
                                 tool.path_of("type")),
                     tool.path_of("type"), "unsupported_parameter");
    }
    if (type == "function") reader.add(tool, text, kParameters);
  });
  read_choice(fields, reader, [](const Fields& choice) { return choice; });
  return std::move(reader).done();
}

ToolFields message_tool_fields(const Fields& fields, std::string_view body) {
  ToolReader reader(fields);
  for_each_tool(fields, body, [&](const Fields& tool, std::string_view text) {
    if (tool.string("type").value_or("custom") == "custom") {
      reader.add(tool, text, kInputSchema);
    }
  });
  const std::optional<Fields> choice = fields.object("tool_choice");
  if (!choice) return std::move(reader).done();
  const std::string type = choice->string("type").value_or("");
  if (choice->boolean("disable_parallel_tool_use") == true) {
    reader.forbid_many();
  }
  if (type == "tool") {
    reader.choose_tool(*choice);
  } else if (type == "auto" || type == "none" || type == "any") {
    reader.choose(type);
  } else {
    choice->refuse("type", "is none of auto, any, tool, none");
  }
  return std::move(reader).done();
}

void refuse_tool_fields(const Fields& fields) {
  constexpr const char* kWhy =
      "this route continues texts, which call no tools";
  fields.refuse_any({"tools", "functions"}, kWhy);
  const InJson* choice = fields.find("tool_choice");
  if (choice == nullptr) return;
  const InJson& kind = choice->is_object() && choice->contains("type")
                           ? (*choice)["type"]
                           : *choice;
  if (kind == "auto" || kind == "none") return;
  throw ApiError(400, fmt::format("tool_choice: {}", kWhy), "tool_choice",
                 "unsupported_parameter");
}

}  // namespace pilotfish::server
