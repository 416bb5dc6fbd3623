#ifndef PILOTFISH_ACCEPTOR_H_
#define PILOTFISH_ACCEPTOR_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/distribution.h"
#include "pilotfish/random.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A drafter's guess: a chain of tokens or a tree, in which several compete for
// a place. Empty `probs` marks a deterministic drafter: each token was proposed
// with probability one.
struct Draft {
  std::vector<Token> tokens;
  // What each token was really drawn from; in a tree, after its earlier
  // siblings were.
  std::vector<Distribution> probs;
  // In a tree, the index of the token that each one follows, below its own, or
  // -1 for the first place. Siblings differ and are tried in their order. Empty
  // for a chain.
  std::vector<std::int32_t> parents = {};
  // Which of several drafters proposed it, by its place among them.
  size_t drafter = 0;

  size_t size() const { return tokens.size(); }
  bool is_tree() const { return !parents.empty(); }
  std::int32_t parent(size_t i) const {
    return is_tree() ? parents[i] : static_cast<std::int32_t>(i) - 1;
  }
  // The first token from index `from` on that follows `parent`; -1: none.
  std::int32_t next_child(std::int32_t parent, size_t from) const;
  // The one that is this token; -1: none.
  std::int32_t child_with(std::int32_t parent, Token token) const;
  // The probability with which token i was proposed.
  double proposed(size_t i) const {
    return probs.empty() ? 1.0 : probs[i].probability(tokens[i]);
  }
};

// What one acceptor call decides about.
struct Verification {
  const Draft& draft;
  // The target's distribution of the first drafted token, then of what follows
  // each of them: draft.size() + 1 rows, processors applied. So a chain's row i
  // is that of token i, and what follows token i is row i + 1 always.
  std::span<const Distribution> target;
  const Random& random;    // of the request
  std::uint64_t position;  // in the sequence, of the first drafted token
};

struct Verdict {
  std::vector<Token>
      tokens;           // the accepted ones, then one that the target gave
  size_t accepted = 0;  // how many of `tokens` came from the draft
};

// argmax_x log p(x) + g(x), with one Gumbel noise g for each seed, position and
// token: a draw from p, and the same one for every caller. Distributions that
// are alike mostly give the same token. Requires: p has some mass.
Token gumbel_draw(const Distribution& p, const Random& random,
                  std::uint64_t position);

// The noise with which a drafter that samples draws from its q.
enum class DraftNoise {
  kOwn,     // independent of all that the acceptor draws
  kShared,  // that of gumbel_draw, with which the acceptor draws from p
};

// Decides how much of a draft survives. Stateless: one object serves all
// requests, and `accept` may be called from several threads at once.
class TokenAcceptor {
 public:
  virtual ~TokenAcceptor() = default;

  virtual std::string_view name() const = 0;
  // Whether the output has exactly the target's distribution. What is lossy is
  // called so wherever its output is shown.
  virtual bool lossless() const = 0;
  // Returns the first `accepted` drafted tokens and exactly one more.
  // Randomness comes from `verification.random` alone. A request for which this
  // throws, or returns anything else, fails; the others go on.
  virtual Verdict accept(const Verification& verification) const = 0;
  // How a drafter should draw so that this rule accepts most. A rule that
  // weighs p against q needs kOwn.
  virtual DraftNoise draft_noise() const { return DraftNoise::kOwn; }
  // Whether drafts may be trees. If so, the accepted tokens are a path from the
  // first place down.
  virtual bool takes_trees() const { return false; }
};

// An acceptor by name ("block"; see acceptor_names), or one of a user's own
// from a shared library, recognised by a '/' or a ".so" at the end. Throws
// UsageError for an unknown name, Error for a library that cannot be loaded or
// was built against another interface version. A library stays loaded as long
// as its acceptor.
std::shared_ptr<const TokenAcceptor> make_acceptor(const std::string& name);
std::vector<std::string> acceptor_names();

// Benchmarks use this rule: it accepts each drafted token with probability
// `rate` whatever the models say. Its output is nobody's text and is marked as
// such.
std::shared_ptr<const TokenAcceptor> make_synthetic_acceptor(double rate);

// Raised with every change of this header that a compiled acceptor would
// notice.
inline constexpr int kAcceptorInterfaceVersion = 3;

inline std::int32_t Draft::next_child(std::int32_t parent, size_t from) const {
  for (size_t i = from; i < size(); ++i) {
    if (this->parent(i) == parent) return static_cast<std::int32_t>(i);
  }
  return -1;
}

inline std::int32_t Draft::child_with(std::int32_t parent, Token token) const {
  for (size_t i = static_cast<size_t>(parent + 1); i < size(); ++i) {
    if (this->parent(i) == parent && tokens[i] == token) {
      return static_cast<std::int32_t>(i);
    }
  }
  return -1;
}

// With g = -log(e) for an exponential e, the argmax of log p + g is the argmin
// of e / p. e = -log(1 - u) is at least u, which spares most logarithms.
inline Token gumbel_draw(const Distribution& p, const Random& random,
                         std::uint64_t position) {
  Token best = p.entries().front().token;
  double least = std::numeric_limits<double>::infinity();
  std::array<double, 2> numbers = {};  // of two tokens that differ in one bit
  Token numbers_of = -1;
  for (const Distribution::Entry& entry : p.entries()) {
    if (entry.probability <= 0) continue;
    if (entry.token / 2 != numbers_of) {
      numbers_of = entry.token / 2;
      numbers = random.uniform_pair(position, RandomRole::kNoise,
                                    static_cast<std::uint32_t>(numbers_of));
    }
    const double u = numbers[static_cast<std::size_t>(entry.token % 2)];
    if (u >= least * entry.probability) continue;
    const double waiting = -std::log1p(-u) / entry.probability;
    if (waiting >= least) continue;
    least = waiting;
    best = entry.token;
  }
  return best;
}

}  // namespace pilotfish

// Put this, once, in a shared library to make `Type` its acceptor. Type derives
// from TokenAcceptor and has a default constructor.
#define PILOTFISH_EXPORT_ACCEPTOR(Type)                              \
  extern "C" int pilotfish_acceptor_interface_version() {            \
    return ::pilotfish::kAcceptorInterfaceVersion;                   \
  }                                                                  \
  extern "C" ::pilotfish::TokenAcceptor* pilotfish_make_acceptor() { \
    return new Type;                                                 \
  }                                                                  \
  extern "C" void pilotfish_free_acceptor(                           \
      ::pilotfish::TokenAcceptor* acceptor) {                        \
    delete acceptor;                                                 \
  }

#endif  // PILOTFISH_ACCEPTOR_H_
