#ifndef PILOTFISH_TEXT_JINJA_LIMITS_H_
#define PILOTFISH_TEXT_JINJA_LIMITS_H_

#include <cstddef>
#include <cstdint>

// What a template may use at most. Templates come with models from strangers,
// so every one of them must end, and soon; the largest published ones stay
// below a hundredth of each of these.
namespace pilotfish::jinja {

inline constexpr size_t kMaxSourceBytes = size_t{1} << 20;
// One string, the whole output included.
inline constexpr size_t kMaxStringBytes = size_t{16} << 20;
// All strings a render makes, together: they might all be kept.
inline constexpr size_t kMaxTextBytes = size_t{512} << 20;
// Work in a render: a unit is one node evaluated, one element copied, or
// kBytesPerUnit bytes of text read or made.
inline constexpr uint64_t kMaxWork = 8'000'000;
inline constexpr size_t kBytesPerUnit = 64;
// Levels of one expression's tree, and of blocks within blocks.
inline constexpr size_t kMaxExpressionDepth = 150;
inline constexpr size_t kMaxBlockDepth = 60;
// Evaluations within evaluations, macros calling macros included.
inline constexpr size_t kMaxCallDepth = 600;
// Lists within lists (dictionaries, tuples) of one value.
inline constexpr size_t kMaxNesting = 100;
// Jinja's own limit in its sandbox.
inline constexpr int64_t kMaxRange = 100'000;

}  // namespace pilotfish::jinja

#endif  // PILOTFISH_TEXT_JINJA_LIMITS_H_
