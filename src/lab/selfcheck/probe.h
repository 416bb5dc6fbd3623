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

// Two tokens after which texts of `length` tokens spread most over cells of
// probability `least` and more (TextCells): where less can come, errors do not
// show, and where more can, all of it is rare. They are the first of all
// prompts and one of its likely successors, or neighbours in some prompt, all
// below `vocab_size` and none of `ends`.
std::vector<Token> telling_beginning(
    TargetRows& target, std::span<const std::vector<Token>> prompts,
    std::int64_t vocab_size, std::span<const Token> ends, std::int64_t length,
    double least);

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
