#ifndef PILOTFISH_SERVER_API_RESPONSE_EVENTS_H_
#define PILOTFISH_SERVER_API_RESPONSE_EVENTS_H_

#include <memory>

#include "server/api/answer.h"
#include "server/fields.h"

namespace pilotfish::server {

// Writes in the shape of OpenAI's responses: a list of items, of what is
// thought and what is said, and for each step of a stream an event. `fields`
// are those of the request, which it repeats in part; `request` is what they
// mean.
std::unique_ptr<AnswerShape> response_shape(const Fields& fields,
                                            const Request& request);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_API_RESPONSE_EVENTS_H_
