#ifndef PILOTFISH_ACCEPTOR_H_
#define PILOTFISH_ACCEPTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pilotfish/distribution.h"
#include "pilotfish/random.h"
#include "pilotfish/token.h"

namespace pilotfish {

// A drafter's guess. Empty `probs` marks a deterministic drafter: each token
// was proposed with probability one.
struct Draft {
  std::vector<Token> tokens;
  std::vector<Distribution> probs;  // what each token was really drawn from

  size_t size() const { return tokens.size(); }
  // The probability with which token i was proposed.
  double proposed(size_t i) const {
    return probs.empty() ? 1.0 : probs[i].probability(tokens[i]);
  }
};

// What one acceptor call decides about.
struct Verification {
  const Draft& draft;
  // The target's distribution at each drafted token, and one row further: what
  // follows when all are accepted. draft.size() + 1 rows; processors applied.
  std::span<const Distribution> target;
  const Random& random;    // of the request
  std::uint64_t position;  // in the sequence, of the first drafted token
};

struct Verdict {
  std::vector<Token>
      tokens;           // the accepted ones, then one that the target gave
  size_t accepted = 0;  // how many of `tokens` came from the draft
};

// Decides how much of a draft survives. Stateless; one object serves all
// requests.
class TokenAcceptor {
 public:
  virtual ~TokenAcceptor() = default;

  virtual std::string_view name() const = 0;
  // Whether the output has exactly the target's distribution. What is lossy is
  // called so wherever its output is shown.
  virtual bool lossless() const = 0;
  // Returns the first `accepted` drafted tokens and exactly one more. Must not
  // throw. Randomness comes from `verification.random` alone.
  virtual Verdict accept(const Verification& verification) const = 0;
};

// An acceptor by name ("rejection"; see acceptor_names), or one of a user's own
// from a shared library, recognised by a '/' or a ".so" at the end. Throws
// UsageError for an unknown name, Error for a library that cannot be loaded or
// was built against another interface version. A library stays loaded as long
// as its acceptor.
std::shared_ptr<const TokenAcceptor> make_acceptor(const std::string& name);
std::vector<std::string> acceptor_names();

// For benchmarks: accepts each drafted token with probability `rate` whatever
// the models say. Its output is nobody's text and is marked as such.
std::shared_ptr<const TokenAcceptor> make_synthetic_acceptor(double rate);

// Raised with every change of this header that a compiled acceptor would
// notice.
inline constexpr int kAcceptorInterfaceVersion = 1;

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
