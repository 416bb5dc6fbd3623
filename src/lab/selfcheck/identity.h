#ifndef PILOTFISH_LAB_SELFCHECK_IDENTITY_H_
#define PILOTFISH_LAB_SELFCHECK_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/acceptor.h"
#include "pilotfish/engine.h"
#include "pilotfish/lab/selfcheck.h"

namespace pilotfish {

// Compares texts with those of plain decoding, one by one on the first pair,
// for every drafter and window; threads, batches and prompt chunks change from
// run to run. Every sampling parameter is on in some of them.
class IdentityChecks {
 public:
  // `likely`: tokens for parameters that name some. All must outlive this.
  IdentityChecks(const std::vector<SelfcheckPair>& pairs,
                 const SelfcheckOptions& options, std::vector<Token> likely);

  // How many runs `compare` makes.
  std::int64_t runs() const {
    return static_cast<std::int64_t>(variations_.size());
  }
  // What the runs differ in.
  std::vector<std::string> description() const;
  // Runs plain decoding and all variations with the same acceptor. `on_run` is
  // called after each run.
  IdentityResult compare(const std::shared_ptr<const TokenAcceptor>& acceptor,
                         double temperature,
                         const std::function<void()>& on_run);

 private:
  using Texts = std::vector<std::vector<Token>>;
  struct Variation {
    std::vector<std::string> drafters;
    std::int64_t window;
    const SelfcheckPair* pair;
    std::int64_t together;
    std::int64_t chunk;
  };

  Texts plain(const std::shared_ptr<const TokenAcceptor>& acceptor,
              double temperature) const;
  void run(const Variation& variation,
           const std::shared_ptr<const TokenAcceptor>& acceptor,
           double temperature, const Texts& expected,
           IdentityResult& result) const;
  EngineOptions engine_options(
      const std::shared_ptr<const TokenAcceptor>& acceptor) const;

  const std::vector<SelfcheckPair>& pairs_;
  const SelfcheckOptions& options_;
  std::vector<Token> likely_;
  std::vector<std::vector<std::string>> drafters_;
  std::vector<Variation> variations_;
};

// A request for each prompt, with different sampling parameters, so that every
// one is on somewhere. `likely`: tokens for those that name some.
std::vector<Request> varied_requests(const SelfcheckOptions& options,
                                     std::span<const Token> likely,
                                     double temperature);

// Says in words where two texts part; nullopt where they are equal.
std::optional<std::string> text_difference(std::span<const Token> expected,
                                           std::span<const Token> found);

// Which drafters can be checked with a pair, each list in order of preference.
std::vector<std::vector<std::string>> drafters_for(const SelfcheckPair& pair);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_IDENTITY_H_
