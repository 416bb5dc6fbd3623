#ifndef PILOTFISH_SERVER_HTTP_TESTING_FUZZED_REQUEST_H_
#define PILOTFISH_SERVER_HTTP_TESTING_FUZZED_REQUEST_H_

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "server/http/request_reader.h"

namespace pilotfish::server::testing {

constexpr std::size_t kFuzzedHeaderBytes = 300;
constexpr std::size_t kFuzzedBodyBytes = 100;

// Gives a reader bytes, so many at a time.
inline RequestReader::State read_in_parts(RequestReader& reader,
                                          std::string_view bytes,
                                          std::size_t part) {
  using State = RequestReader::State;
  std::string input;
  while (true) {
    const State state = reader.read(input);
    if (state == State::kDone || state == State::kBad) return state;
    if (state == State::kHeader) continue;
    if (bytes.empty()) return state;
    input += bytes.substr(0, part);
    bytes.remove_prefix(std::min(part, bytes.size()));
  }
}

// Reads bytes as a request, at once and one by one. Throws where that is not
// the same request, or is larger than it may be. A mistake may be seen sooner
// where more of a line is there.
inline void check_request(std::string_view bytes) {
  using State = RequestReader::State;
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
  };
  RequestReader whole(kFuzzedHeaderBytes, kFuzzedBodyBytes);
  RequestReader parts(kFuzzedHeaderBytes, kFuzzedBodyBytes);
  const State state = read_in_parts(whole, bytes, bytes.size());
  const State same_state = read_in_parts(parts, bytes, 1);
  require((state == State::kDone) == (same_state == State::kDone),
          "understood in one way only");
  if (state == State::kBad) {
    require(whole.refusal().status >= 400, "refused without a status");
    require(!whole.refusal().message.empty(), "refused without a word");
  }
  if (state != State::kDone) return;
  const HttpRequest request = whole.take_request();
  const HttpRequest same = parts.take_request();
  require(request.method == same.method && request.path == same.path &&
              request.query == same.query && request.headers == same.headers &&
              request.body == same.body,
          "understood in two ways");
  require(request.body.size() <= kFuzzedBodyBytes, "the body is too large");
  for (const char c : request.path) {
    require(static_cast<unsigned char>(c) >= ' ', "a control character");
  }
}

}  // namespace pilotfish::server::testing

#endif  // PILOTFISH_SERVER_HTTP_TESTING_FUZZED_REQUEST_H_
