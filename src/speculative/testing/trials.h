#ifndef PILOTFISH_SPECULATIVE_TESTING_TRIALS_H_
#define PILOTFISH_SPECULATIVE_TESTING_TRIALS_H_

#include <cstdint>

// How much the statistical tests draw, and what they conclude from it.
namespace pilotfish::test {

inline constexpr std::uint64_t kTrials = 200000;
inline constexpr std::uint64_t kControlTrials = 40000;  // less will do
inline constexpr double kLevel = 1e-4;    // a right rule's p-value lies above
inline constexpr double kCaught = 1e-12;  // a wrong rule's must fall below

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_TRIALS_H_
