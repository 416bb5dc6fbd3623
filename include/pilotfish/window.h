#ifndef PILOTFISH_WINDOW_H_
#define PILOTFISH_WINDOW_H_

#include <cstdint>

namespace pilotfish {

// Stands in place of a window k: the window is chosen anew for each iteration,
// from what passes cost and how often drafts are right, and is plain decoding
// where no draft pays.
inline constexpr std::int64_t kAutoWindow = 0;

}  // namespace pilotfish

#endif  // PILOTFISH_WINDOW_H_
