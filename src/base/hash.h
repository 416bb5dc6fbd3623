#ifndef PILOTFISH_BASE_HASH_H_
#define PILOTFISH_BASE_HASH_H_

#include <cstddef>

namespace pilotfish {

// Makes `value` part of a hash; the order in which values are mixed in matters.
inline void mix_into(std::size_t& hash, std::size_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  hash ^= hash >> 29;
}

}  // namespace pilotfish

#endif  // PILOTFISH_BASE_HASH_H_
