#ifndef PILOTFISH_SERVER_API_DECODING_FIELDS_H_
#define PILOTFISH_SERVER_API_DECODING_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/engine.h"
#include "server/api/answer.h"
#include "server/context.h"
#include "server/fields.h"

namespace pilotfish::server {

// What a route calls the fields that others call differently.
struct DecodingNames {
  // Fields with the most tokens of a text; the first that is there counts.
  std::initializer_list<std::string_view> max_tokens = {"max_tokens"};
  std::int64_t least_tokens = 1;  // 0: no text may be wanted
  std::string_view stop = "stop";
};

// Reads how a text is to be decoded: all of Request but the prompt, `logprobs`
// and the constraint. What the fields do not say is as the context has it; a
// seed is drawn. Throws ApiError for a bad value, and for what is not
// supported.
Request decoding_fields(const Fields& fields, const ServerContext& context,
                        const DecodingNames& names = {});

// Throws ApiError 404 where a request asks for another model.
void check_model(const Fields& fields, const ServerContext& context);

// Throws ApiError 400 for a token that the model does not have.
void check_tokens(const std::vector<Token>& tokens, const std::string& path,
                  const ServerContext& context);

// Throws ApiError 400 for a prompt that leaves no place for a text.
void check_prompt(const Request& request, const std::string& path,
                  const ServerContext& context);

// How many texts for each prompt: `n`. Throws ApiError.
std::int64_t wanted_texts(const Fields& fields, const ServerContext& context);

// Adds `count` texts for a prompt: with seeds that follow one another, so that
// they differ.
void add_texts(std::vector<WantedText>& wanted, const WantedText& text,
               std::int64_t count);

struct StreamFields {
  bool streams = false;
  bool includes_usage = false;
  bool wants_tokens = false;
};
StreamFields stream_fields(const Fields& fields);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_DECODING_FIELDS_H_
