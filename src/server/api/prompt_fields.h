#ifndef PILOTFISH_SERVER_API_PROMPT_FIELDS_H_
#define PILOTFISH_SERVER_API_PROMPT_FIELDS_H_

#include <string>
#include <vector>

#include "pilotfish/token.h"
#include "server/context.h"
#include "server/fields.h"

namespace pilotfish::server {

// A text that is to be continued.
struct TextPrompt {
  std::vector<Token> tokens;
  std::string text;
};

// A field that holds a text, an array of token ids, or an array of either, each
// a prompt of its own. With `mixed` an array of texts and ids is one prompt, as
// llama.cpp has it. Throws ApiError.
std::vector<TextPrompt> prompt_fields(const Fields& fields,
                                      std::string_view name,
                                      const ServerContext& context,
                                      bool mixed = false);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_PROMPT_FIELDS_H_
