// Texts and tokens without a model: /tokenize, /detokenize, /apply-template.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "server/api/conversation_fields.h"
#include "server/api/decoding_fields.h"
#include "server/api/routes.h"
#include "server/api/token_words.h"
#include "server/api/tool_fields.h"
#include "server/json_text.h"

namespace pilotfish::server {
namespace {

// A piece is a text, or an array of bytes where it is not UTF-8.
OutJson piece_json(const std::string& bytes) {
  if (valid_text(bytes) == bytes) return bytes;
  OutJson list = OutJson::array();
  for (const char byte : bytes)
    list.push_back(static_cast<unsigned char>(byte));
  return list;
}

OutJson tokenize(const Fields& fields, const ServerContext& context) {
  const Tokenizer& tokenizer = *context.tokenizer;
  const std::optional<std::string> content = fields.string("content");
  if (!content) fields.refuse("content", "is missing");
  const EncodeOptions options = {
      .add_special = fields.boolean("add_special").value_or(false),
      .parse_special = fields.boolean("parse_special").value_or(true)};
  const bool with_pieces = fields.boolean("with_pieces").value_or(false);
  OutJson tokens = OutJson::array();
  for (const Token token : tokenizer.encode(*content, options)) {
    if (with_pieces) {
      tokens.push_back({{"id", token},
                        {"piece", piece_json(token_bytes(tokenizer, token))}});
    } else {
      tokens.push_back(token);
    }
  }
  return {{"tokens", std::move(tokens)}};
}

OutJson detokenize(const Fields& fields, const ServerContext& context) {
  const auto tokens = fields.tokens("tokens");
  if (!tokens) fields.refuse("tokens", "is missing");
  check_tokens(*tokens, "tokens", context);
  return {{"content", valid_text(context.tokenizer->decode(*tokens, false))}};
}

void apply_template(Api& api, const std::shared_ptr<Exchange>& exchange) {
  const std::string& source = exchange->request().body;
  const InJson body = parse_body(source);
  const Fields fields(body);
  const ChatPrompt prompt =
      chat_prompt(message_fields(fields, "messages"),
                  chat_tool_fields(fields, source).tools_json, "messages",
                  fields, api.context);
  HttpResponse response;
  response.body = json_text({{"prompt", prompt.rendered.text}});
  exchange->respond(std::move(response));
}

}  // namespace

void add_text_routes(Router& router, Api& api) {
  const auto add = [&](const std::string& path, auto action) {
    router.add("POST", path, [&api, action](const auto& exchange) {
      const InJson body = parse_body(exchange->request().body);
      HttpResponse response;
      response.body = json_text(action(Fields(body), api.context));
      exchange->respond(std::move(response));
    });
  };
  add("/tokenize", tokenize);
  add("/detokenize", detokenize);
  router.add("POST", "/apply-template",
             [&api](const auto& exchange) { apply_template(api, exchange); });
}

}  // namespace pilotfish::server
