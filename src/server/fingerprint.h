#ifndef PILOTFISH_SERVER_FINGERPRINT_H_
#define PILOTFISH_SERVER_FINGERPRINT_H_

#include <string>
#include <string_view>

namespace pilotfish::server {

// What answers have as system_fingerprint. It is equal for two servers if the
// same seed gives the same bytes under `reproducible`: weights, numerics
// (ModelFacts::fingerprint) and acceptor are the same.
std::string system_fingerprint(std::string_view model,
                               std::string_view acceptor);

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_FINGERPRINT_H_
