#ifndef PILOTFISH_SAMPLING_TOKEN_RULE_H_
#define PILOTFISH_SAMPLING_TOKEN_RULE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/token.h"

namespace pilotfish {

// What a text has to keep to, token by token: a grammar over the tokens of one
// vocabulary. Immutable; any number of threads may ask it.
//
// A rule speaks of the text alone. The tokens that end a text come from
// elsewhere, and may come wherever the rule lets the text end.
class TokenRule {
 public:
  // Where a text stands after some tokens: a value that costs little to copy
  // and means something to the rule that gave it. Null: one of the tokens broke
  // the rule. The functions below require one that is not null.
  using State = std::shared_ptr<const void>;

  virtual ~TokenRule() = default;

  virtual State begin() const = 0;
  // Where the text stands with one more token; null where that cannot come.
  virtual State after(const State& state, Token token) const = 0;
  // Whether the text may end here.
  virtual bool may_end(const State& state) const = 0;
  // Whether the text must end here: it may, and no token can come.
  virtual bool must_end(const State& state) const = 0;
  // Makes `allowed` the set of the tokens that can come next: token t is bit
  // t % 64 of word t / 64. Tokens behind the last word cannot. False where that
  // cannot be worked out; then the text has no continuation and no end.
  virtual bool allow(const State& state,
                     std::vector<std::uint64_t>& allowed) const = 0;
  // Why a text that may not end, or of which `allow` knows nothing, cannot go
  // on: "no token spells what has to come next".
  virtual std::string fault(const State& state) const = 0;
  // Tokens that the text goes on with, at most `most`, where the rule leaves
  // no choice of what is written. How that is cut into tokens is a guess.
  // `text`: the tokens so far, the latest last.
  virtual std::vector<Token> forced(const State& state,
                                    std::span<const Token> text,
                                    std::int64_t most) const = 0;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SAMPLING_TOKEN_RULE_H_
