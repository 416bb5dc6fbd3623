#include "server/api/decoding_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <variant>

#include "pilotfish/acceptor.h"
#include "pilotfish/drafters.h"
#include "pilotfish/pair.h"

namespace pilotfish::server {
namespace {

// llama.cpp's names for sampling parameters.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3>
    kOtherNames = {{{"repetition_penalty", "repeat_penalty"},
                    {"penalty_window", "repeat_last_n"},
                    {"typical_p", "typ_p"}}};

// The name under which a parameter is in the request.
std::string_view name_in(const Fields& fields, std::string_view name) {
  if (fields.has(name)) return name;
  for (const auto& [ours, other] : kOtherNames) {
    if (ours == name && fields.has(other)) return other;
  }
  return name;
}

// Reads one sampling parameter, by the type of its member.
class SamplingReader {
 public:
  SamplingReader(const Fields& fields, const ServerContext& context,
                 const SamplingField& field, SamplingParams& params)
      : fields_(fields),
        context_(context),
        field_(field),
        name_(name_in(fields, field.name)),
        params_(params) {}

  void operator()(double SamplingParams::*member) const {
    const std::optional<double> value = fields_.number(name_);
    if (!value) return;
    check(*value);
    params_.*member = *value;
  }

  void operator()(std::int64_t SamplingParams::*member) const {
    std::optional<std::int64_t> value = fields_.integer(name_);
    if (!value) return;
    // Others write it so where it is off.
    if (field_.name == "top_k" && *value == -1) value = 0;
    check(static_cast<double>(*value));
    params_.*member = *value;
  }

  // A seed: any whole number of 64 bits. -1 draws one.
  void operator()(std::uint64_t SamplingParams::*member) const {
    const InJson* value = fields_.find(name_);
    if (value != nullptr && value->is_number_unsigned()) {
      params_.*member = value->get<std::uint64_t>();
      return;
    }
    const std::int64_t seed = fields_.integer(name_).value_or(-1);
    if (seed != -1) {
      params_.*member = static_cast<std::uint64_t>(seed);
      return;
    }
    std::random_device device;
    params_.*member = (std::uint64_t{device()} << 32) | device();
  }

  void operator()(std::vector<Token> SamplingParams::*member) const {
    std::optional<std::vector<Token>> tokens = fields_.tokens(name_);
    if (!tokens) return;
    check_tokens(*tokens, fields_.path_of(name_), context_);
    params_.*member = std::move(*tokens);
  }

  void operator()(
      std::vector<std::vector<Token>> SamplingParams::*member) const {
    const auto words = fields_.strings(name_);
    if (!words) return;
    for (const std::string& word : *words) {
      if (word.empty()) fields_.refuse(name_, "has an empty string");
      for (std::vector<Token>& way : usual_tokens(*context_.tokenizer, word)) {
        (params_.*member).push_back(std::move(way));
      }
    }
  }

  // {"15": -1.5}, or llama.cpp's [[15, -1.5]], in which false is -infinity.
  void operator()(std::map<Token, float> SamplingParams::*member) const {
    const InJson* biases = fields_.find(name_);
    if (biases == nullptr) return;
    if (!biases->is_structured()) {
      fields_.refuse(name_, "is neither an object nor an array");
    }
    for (const auto& [key, value] : biases->items()) {
      if (biases->is_object()) {
        add_bias(params_.*member, token_of(key), value);
      } else if (value.is_array() && value.size() == 2) {
        add_bias(params_.*member, token_at(value[0], fields_.path_of(name_)),
                 value[1]);
      } else {
        fields_.refuse(name_, "an entry is not a pair of token id and bias");
      }
    }
  }

 private:
  void check(double value) const {
    const SamplingRange& range = field_.range;
    if (std::isfinite(value) && value <= range.most &&
        (range.least_itself ? value >= range.least : value > range.least)) {
      return;
    }
    fields_.refuse(name_, fmt::format("{} is not {}", value, range.allowed));
  }

  Token token_of(const std::string& key) const {
    const bool digits =
        !key.empty() && key.size() < 10 &&
        std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits)
      fields_.refuse(name_, fmt::format("\"{}\" is no token id", key));
    return static_cast<Token>(std::stol(key));
  }

  void add_bias(std::map<Token, float>& biases, Token token,
                const InJson& value) const {
    check_tokens({token}, fields_.path_of(name_), context_);
    if (value == false) {
      biases[token] = -std::numeric_limits<float>::infinity();
      return;
    }
    if (!value.is_number()) {
      fields_.refuse(name_, fmt::format("the bias of token {} is {}, not a "
                                        "number",
                                        token, shown(value)));
    }
    const auto bias = value.get<double>();
    if (std::abs(bias) > std::numeric_limits<float>::max()) {
      fields_.refuse(name_,
                     fmt::format("the bias of token {} is too large", token));
    }
    biases[token] = static_cast<float>(bias);
  }

  const Fields& fields_;
  const ServerContext& context_;
  const SamplingField& field_;
  const std::string_view name_;
  SamplingParams& params_;
};

void read_max_tokens(const Fields& fields, const DecodingNames& names,
                     Request& request) {
  for (const std::string_view name : names.max_tokens) {
    const std::optional<std::int64_t> most = fields.integer(name);
    if (!most) continue;
    if (*most < names.least_tokens && *most != -1) {
      fields.refuse(name,
                    fmt::format("{} is neither {} or more nor -1 (as many as "
                                "there is room for)",
                                *most, names.least_tokens));
    }
    request.max_tokens = *most;
    return;
  }
}

void read_stops(const Fields& fields, const DecodingNames& names,
                const ServerContext& context, Request& request) {
  if (auto stops = fields.strings(names.stop)) {
    if (std::ranges::count(*stops, std::string()) > 0) {
      fields.refuse(names.stop, "has an empty string");
    }
    request.stop_strings = std::move(*stops);
  }
  if (auto ids = fields.tokens("stop_token_ids")) {
    check_tokens(*ids, fields.path_of("stop_token_ids"), context);
    request.stop_ids = std::move(*ids);
  }
  request.ignore_eos = fields.boolean("ignore_eos").value_or(false);
}

std::int64_t window_of(const Fields& speculative) {
  const InJson* window = speculative.find("window");
  if (window->is_string()) {
    if (*window == "auto") return kAutoWindow;
    speculative.refuse("window", "is neither a number nor \"auto\"");
  }
  return *speculative.integer("window", 1, 1024);
}

// The drafters of a list that a request gives, which the engine must have.
std::vector<std::string> drafters_of(const Fields& speculative,
                                     const ServerContext& context) {
  std::vector<std::string> names;
  try {
    names = parse_drafters(*speculative.string("drafter"));
  } catch (const UsageError& error) {
    speculative.refuse("drafter", error.what());
  }
  for (const std::string& name : names) {
    if (std::ranges::count(context.drafters, name) > 0) continue;
    speculative.refuse(
        "drafter", fmt::format("this server does not draft with {}, but with "
                               "{}",
                               name, drafters_text(context.drafters)));
  }
  return names;
}

// {"window", "drafter", "tree_width"}, or false for plain decoding.
void read_speculative(const Fields& fields, const ServerContext& context,
                      Request& request) {
  const InJson* value = fields.find("speculative");
  if (value == nullptr) return;
  if (value->is_boolean()) {
    if (!value->get<bool>()) request.window = 1;
    return;
  }
  const Fields speculative = *fields.object("speculative");
  if (speculative.has("window")) request.window = window_of(speculative);
  if (speculative.has("drafter")) {
    request.drafters = drafters_of(speculative, context);
  }
  request.tree_width = speculative.integer("tree_width", 1, context.tree_width);
}

// Not a path: nobody loads a library into the server by asking for it.
void read_acceptor(const Fields& fields, Request& request) {
  const std::vector<std::string> known = acceptor_names();
  const std::optional<std::string> name = fields.string("acceptor");
  const bool reproducible = fields.boolean("reproducible").value_or(false);
  if (name && std::ranges::count(known, *name) == 0) {
    fields.refuse("acceptor",
                  fmt::format("is not one of {}", fmt::join(known, ", ")));
  }
  if (name && reproducible && *name != "coupled") {
    fields.refuse("reproducible", fmt::format("needs the acceptor coupled, not "
                                              "{}",
                                              *name));
  }
  if (name) request.acceptor = make_acceptor(*name);
  if (reproducible) request.acceptor = make_acceptor("coupled");
}

// {"type": "content", "content": text or parts}
void read_prediction(const Fields& fields, const ServerContext& context,
                     Request& request) {
  const std::optional<Fields> prediction = fields.object("prediction");
  if (!prediction) return;
  if (prediction->string("type").value_or("") != "content") {
    prediction->refuse("type", "is not \"content\"");
  }
  std::string text;
  const InJson* content = prediction->find("content");
  if (content != nullptr && content->is_array()) {
    for (std::size_t i = 0; i < content->size(); ++i) {
      const Fields part =
          Fields::of((*content)[i], fmt::format("prediction.content[{}]", i));
      text += part.string("text").value_or("");
    }
  } else {
    text = prediction->string("content").value_or("");
  }
  request.prediction = plain_tokens(*context.tokenizer, text);
}

}  // namespace

Request decoding_fields(const Fields& fields, const ServerContext& context,
                        const DecodingNames& names) {
  fields.refuse_any({"suffix", "input_prefix", "input_suffix"},
                    "this server only continues texts; it does not fill in");
  Request request;
  request.sampling = context.sampling;
  request.max_tokens = context.max_tokens;
  request.window = context.window;
  for (const SamplingField& field : kSamplingFields) {
    std::visit(SamplingReader(fields, context, field, request.sampling),
               field.member);
  }
  read_max_tokens(fields, names, request);
  read_stops(fields, names, context, request);
  read_speculative(fields, context, request);
  read_acceptor(fields, request);
  read_prediction(fields, context, request);
  if (const auto resume = fields.object("resume")) {
    request.resumed = resume->tokens("tokens").value_or(std::vector<Token>());
    check_tokens(request.resumed, "resume.tokens", context);
  }
  constexpr std::int64_t kMostPriority = 1'000'000;
  request.priority = static_cast<int>(
      fields.integer("priority", -kMostPriority, kMostPriority).value_or(0));
  request.cache_salt = fields.string("cache_salt").value_or("");
  return request;
}

void check_model(const Fields& fields, const ServerContext& context) {
  const std::optional<std::string> model = fields.string("model");
  if (!model || model->empty() || *model == context.model.id ||
      std::ranges::count(context.model.other_ids, *model) > 0) {
    return;
  }
  throw ApiError(404,
                 fmt::format("there is no model {} here, but {}", *model,
                             context.model.id),
                 "model", "model_not_found");
}

void check_tokens(const std::vector<Token>& tokens, const std::string& path,
                  const ServerContext& context) {
  for (const Token token : tokens) {
    if (token < context.model.vocab_size) continue;
    throw bad_field(path, fmt::format("token {} is not below {}", token,
                                      context.model.vocab_size));
  }
}

void check_prompt(const Request& request, const std::string& path,
                  const ServerContext& context) {
  if (request.prompt.empty()) throw bad_field(path, "is empty");
  const std::int64_t most = context.service->engine().n_positions();
  const std::int64_t resumed = std::ssize(request.resumed);
  const std::int64_t tokens = std::ssize(request.prompt) + resumed;
  // A text that has filled all positions is complete.
  if (tokens < most || (tokens == most && resumed > 0)) return;
  throw ApiError(400,
                 fmt::format("{}: {} tokens leave no place for a text in {} "
                             "positions",
                             path, tokens, most),
                 path, "context_length_exceeded");
}

std::int64_t wanted_texts(const Fields& fields, const ServerContext& context) {
  const std::int64_t count =
      fields.integer("n", 1, context.max_choices).value_or(1);
  const std::int64_t best_of = fields.integer("best_of", 1).value_or(count);
  if (best_of != count) {
    fields.refuse("best_of",
                  "is not n: this server returns all texts that it "
                  "generates");
  }
  return count;
}

void add_texts(std::vector<WantedText>& wanted, const WantedText& text,
               std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    wanted.push_back(text);
    wanted.back().request.sampling.seed += static_cast<std::uint64_t>(i);
  }
}

StreamFields stream_fields(const Fields& fields) {
  StreamFields stream;
  stream.streams = fields.boolean("stream").value_or(false);
  stream.wants_tokens = fields.boolean("return_tokens").value_or(false);
  if (const auto options = fields.object("stream_options")) {
    stream.includes_usage = options->boolean("include_usage").value_or(false);
  }
  return stream;
}

}  // namespace pilotfish::server
