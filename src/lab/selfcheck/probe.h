#ifndef PILOTFISH_LAB_SELFCHECK_PROBE_H_
#define PILOTFISH_LAB_SELFCHECK_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lab/selfcheck/target_rows.h"
#include "pilotfish/token.h"

namespace pilotfish {

// Finds where a model is worth sampling, whatever model it is.

// `first` and that one of its likely successors, none of `ends`, after which
// texts of `length` tokens spread most over cells of probability `least` and
// more (TextCells): where less can come, errors do not show, and where more
// can, all of it is rare.
std::vector<Token> telling_beginning(TargetRows& target, Token first,
                                     std::span<const Token> ends,
                                     std::int64_t length, double least);

// The `length` tokens that follow `prompt` at temperature 0.
std::vector<Token> likeliest_text(TargetRows& target,
                                  std::span<const Token> prompt,
                                  std::size_t length);

// Tokens that the target finds likely anywhere in what follows `prompt`, the
// likeliest first and none of `ends`. At most `count`.
std::vector<Token> likely_tokens(TargetRows& target,
                                 std::span<const Token> prompt,
                                 std::span<const Token> ends,
                                 std::size_t count);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_PROBE_H_
