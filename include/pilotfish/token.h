#ifndef PILOTFISH_TOKEN_H_
#define PILOTFISH_TOKEN_H_

#include <cstdint>

namespace pilotfish {

// An index into a model's vocabulary, 0-based. Negative values are never valid.
using Token = std::int32_t;

}  // namespace pilotfish

#endif  // PILOTFISH_TOKEN_H_
