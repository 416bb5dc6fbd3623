#include "cli/prompt_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <variant>

#include "cli/line_constraints.h"
#include "cli/nearest_name.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "pilotfish/error.h"
#include "pilotfish/pair.h"

namespace pilotfish::cli {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void refuse(std::string_view key, const Json& value,
                         std::string_view expected) {
  // dump() recurses: what is nested deep would overflow the stack.
  const bool nested = std::ranges::any_of(
      value, [](const Json& part) { return part.is_structured(); });
  std::string text =
      nested ? (value.is_array() ? "a nested list" : "a nested object")
             : value.dump(-1, ' ', true, Json::error_handler_t::replace);
  constexpr size_t kLongest = 40;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  throw UsageError(
      fmt::format("\"{}\": found {}, expected {}", key, text, expected));
}

std::int64_t integer(std::string_view key, const Json& value,
                     std::int64_t least) {
  const bool fits =
      value.is_number_integer() &&
      !(value.is_number_unsigned() &&
        value.get<std::uint64_t>() >
            std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  if (!fits || value.get<std::int64_t>() < least) {
    refuse(key, value, fmt::format("a whole number from {}", least));
  }
  return value.get<std::int64_t>();
}

std::vector<Token> token_ids(std::string_view key, const Json& value) {
  constexpr const char* kExpected = "a list of token ids";
  if (!value.is_array()) refuse(key, value, kExpected);
  std::vector<Token> tokens;
  for (const Json& element : value) {
    const std::int64_t id = integer(key, element, 0);
    if (id > std::numeric_limits<Token>::max()) refuse(key, element, kExpected);
    tokens.push_back(static_cast<Token>(id));
  }
  return tokens;
}

std::vector<std::string> texts(std::string_view key, const Json& value) {
  constexpr const char* kExpected = "a text, or a list of texts";
  if (value.is_string()) return {value.get<std::string>()};
  if (!value.is_array()) refuse(key, value, kExpected);
  std::vector<std::string> all;
  for (const Json& element : value) {
    if (!element.is_string()) refuse(key, value, kExpected);
    all.push_back(element.get<std::string>());
  }
  return all;
}

// Gives a sampling parameter the value that a line has for it.
class ReadSamplingField {
 public:
  ReadSamplingField(const SamplingField& field, const Json& value,
                    const Session& session, SamplingParams& params)
      : name_(field.name), value_(value), session_(session), params_(params) {}

  void operator()(double SamplingParams::*member) const {
    if (!value_.is_number()) refuse(name_, value_, "a number");
    params_.*member = value_.get<double>();
  }
  void operator()(std::int64_t SamplingParams::*member) const {
    params_.*member =
        integer(name_, value_, std::numeric_limits<std::int64_t>::min());
  }
  void operator()(std::uint64_t SamplingParams::*member) const {
    if (!value_.is_number_integer() && !value_.is_string()) {
      refuse(name_, value_, "a whole number from 0, or -1 for a random one");
    }
    params_.*member = parse_seed(
        name_, value_.is_string() ? value_.get<std::string>() : value_.dump());
  }
  void operator()(std::vector<Token> SamplingParams::*member) const {
    params_.*member = token_ids(name_, value_);
  }
  void operator()(
      std::vector<std::vector<Token>> SamplingParams::*member) const {
    (params_.*member).clear();
    for (const std::string& word : texts(name_, value_)) {
      for (auto& tokens : usual_tokens(session_.text(name_), word)) {
        (params_.*member).push_back(std::move(tokens));
      }
    }
  }
  void operator()(std::map<Token, float> SamplingParams::*member) const {
    if (!value_.is_object()) {
      refuse(name_, value_, "an object such as {\"42\": -1.5}");
    }
    (params_.*member).clear();
    for (const auto& [id, bias] : value_.items()) {
      const std::vector<Token> tokens = parse_tokens(name_, id);
      if (tokens.size() != 1 || !bias.is_number()) {
        refuse(name_, value_, "an object such as {\"42\": -1.5}");
      }
      (params_.*member)[tokens.front()] = bias.get<float>();
    }
  }

 private:
  std::string_view name_;
  const Json& value_;
  const Session& session_;
  SamplingParams& params_;
};

constexpr std::string_view kPrompt = "prompt";

// The parameters that are not in the sampling table.
struct LineField {
  std::string_view name;
  void (*read)(const Json& value, PromptLine& line);
};
constexpr LineField kLineFields[] = {
    {"max_tokens",
     [](const Json& value, PromptLine& line) {
       line.request.max_tokens =
           wanted_tokens("\"max_tokens\"", integer("max_tokens", value, -1));
     }},
    {"n",
     [](const Json& value, PromptLine& line) {
       line.samples = integer("n", value, 1);
       if (line.samples > kMostSamples) {
         refuse("n", value, fmt::format("at most {}", kMostSamples));
       }
     }},
    {"stop",
     [](const Json& value, PromptLine& line) {
       line.request.stop_strings = texts("stop", value);
     }},
    {"stop_ids",
     [](const Json& value, PromptLine& line) {
       line.request.stop_ids = token_ids("stop_ids", value);
     }},
    {"ignore_eos",
     [](const Json& value, PromptLine& line) {
       if (!value.is_boolean()) refuse("ignore_eos", value, "true or false");
       line.request.ignore_eos = value.get<bool>();
     }},
    {"logprobs",
     [](const Json& value, PromptLine& line) {
       line.request.logprobs = integer("logprobs", value, 0);
     }},
    {"window",
     [](const Json& value, PromptLine& line) {
       if (!value.is_number_integer() && !value.is_string()) {
         refuse("window", value, "a number from 1, or \"auto\"");
       }
       const std::int64_t window = parse_window(
           "\"window\"",
           value.is_string() ? value.get<std::string>() : value.dump());
       // Without a drafter all decoding is plain.
       if (line.request.window != 1) line.request.window = window;
     }},
};

[[noreturn]] void refuse_key(const std::string& key) {
  std::vector<std::string> names = {std::string(kPrompt)};
  for (const LineField& field : kLineFields) names.emplace_back(field.name);
  for (const SamplingField& field : kSamplingFields) {
    names.emplace_back(field.name);
  }
  for (const std::string_view name : LineConstraints::names()) {
    names.emplace_back(name);
  }
  const std::string nearest = nearest_name(key, names);
  throw UsageError(fmt::format(
      "\"{}\" is no parameter{}", key,
      nearest.empty() ? "" : fmt::format("; is it \"{}\"?", nearest)));
}

void read_field(const std::string& key, const Json& value,
                const Session& session, LineConstraints& constraints,
                PromptLine& line) {
  if (auto constraint = constraints.read(key, value)) {
    line.request.constraint = std::move(constraint);
    return;
  }
  for (const LineField& field : kLineFields) {
    if (field.name == key) return field.read(value, line);
  }
  for (const SamplingField& field : kSamplingFields) {
    if (field.name != key) continue;
    std::visit(ReadSamplingField(field, value, session, line.request.sampling),
               field.member);
    line.has_seed |= key == "seed";
    return;
  }
  refuse_key(key);
}

void read_object(const std::string& text, const Session& session,
                 PromptEncoder& encoder, LineConstraints& constraints,
                 PromptLine& line) {
  const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    throw UsageError("is not a JSON object on one line");
  }
  bool has_prompt = false;
  for (const auto& [key, value] : object.items()) {
    if (key == kPrompt) {
      has_prompt = true;
      if (value.is_string()) {
        line.request.prompt = encoder.encode(value.get<std::string>());
      } else {
        line.request.prompt = token_ids(key, value);
      }
    } else if (!value.is_null()) {
      read_field(key, value, session, constraints, line);
    }
  }
  if (!has_prompt) throw UsageError("has no \"prompt\"");
}

struct TextLine {
  std::int64_t number = 0;
  std::string text;
};

struct TextFile {
  std::vector<TextLine> lines;
  bool is_json = false;
};

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t") == std::string::npos;
}

bool is_object_with_prompt(const std::string& text) {
  if (!text.starts_with('{')) return false;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains(kPrompt);
}

TextFile read_lines(const std::string& file) {
  TextFile result;
  std::istringstream stream(file == "-" ? read_stdin() : read_file(file));
  std::int64_t number = 0;
  for (std::string text; std::getline(stream, text);) {
    ++number;
    if (text.ends_with('\r')) text.pop_back();
    result.lines.push_back({number, std::move(text)});
  }
  result.is_json =
      file.ends_with(".jsonl") ||
      (!result.lines.empty() && is_object_with_prompt(result.lines[0].text));
  if (result.is_json) {
    std::erase_if(result.lines,
                  [](const TextLine& line) { return is_blank(line.text); });
  }
  if (result.lines.empty()) {
    throw UsageError(
        fmt::format("{}: is empty, expected one prompt per line", file));
  }
  return result;
}

}  // namespace

std::vector<PromptLine> read_prompt_file(const PromptOptions& options,
                                         const Session& session,
                                         std::int64_t samples,
                                         const JsonSchemaOptions& json) {
  const TextFile file = read_lines(options.prompts_file);
  // Without a tokenizer no text can be read, whatever it is.
  if (!file.is_json) session.text("a prompt");
  PromptEncoder encoder(options, session);
  LineConstraints constraints(json);
  std::vector<PromptLine> lines;
  for (const TextLine& text : file.lines) {
    PromptLine line{text.number, session.request, samples};
    try {
      if (file.is_json) {
        read_object(text.text, session, encoder, constraints, line);
      } else {
        line.request.prompt = encoder.encode(text.text);
      }
    } catch (const Error& error) {
      line.error = error.what();
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::vector<Token>> read_prompts(const std::string& file,
                                             const Session& session) {
  PromptOptions options;
  options.prompts_file = file;
  const TextFile texts = read_lines(file);
  PromptEncoder encoder(options, session);
  LineConstraints constraints;
  std::vector<std::vector<Token>> prompts;
  for (const TextLine& text : texts.lines) {
    try {
      if (!texts.is_json) {
        prompts.push_back(encoder.encode(text.text));
        continue;
      }
      const Json json = Json::parse(text.text, nullptr, false);
      if (json.is_object() && json.size() > 1) {
        throw UsageError("has parameters, and only \"prompt\" counts here");
      }
      PromptLine line;
      read_object(text.text, session, encoder, constraints, line);
      prompts.push_back(std::move(line.request.prompt));
    } catch (const Error& error) {
      throw UsageError(
          fmt::format("{}, line {}: {}", file, text.number, error.what()));
    }
  }
  return prompts;
}

}  // namespace pilotfish::cli
