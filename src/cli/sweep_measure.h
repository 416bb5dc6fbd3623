#ifndef PILOTFISH_CLI_SWEEP_MEASURE_H_
#define PILOTFISH_CLI_SWEEP_MEASURE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/session.h"
#include "pilotfish/engine.h"
#include "pilotfish/token.h"

namespace pilotfish::cli {

// What a sweep varies.
struct Setting {
  std::vector<DrafterKind> drafters;  // in order of preference; not empty
  std::string acceptor;
  double temperature = 0;
  std::int64_t window = 2;  // or kAutoWindow
};

// Sums over the iterations of many texts; the first of each, which encodes the
// prompt, is out.
struct Totals {
  std::int64_t tokens = 0;
  std::int64_t passes = 0;
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;
  std::int64_t rejecting_passes = 0;  // that kept fewer than they had places
  double seconds = 0;
  std::vector<double> draft_seconds;      // one an iteration
  std::vector<double> verify_seconds;     // one an iteration
  std::vector<std::int64_t> offered_at;   // [i]: drafted at place i
  std::vector<std::int64_t> accepted_at;  // [i]: of those, accepted

  void add(const GenerationStats& stats);
  double seconds_per_token() const;
  double tokens_per_pass() const;
  double acceptance_rate() const;  // accepted over drafted
  // [i]: of those drafted at place i, the share accepted.
  std::vector<double> acceptance_by_place() const;
  // Where the time of a token goes; together seconds_per_token().
  struct Split {
    double draft = 0;
    double verify = 0;
    double bookkeeping = 0;  // sampling, accepting, keeping the caches right
  };
  Split split() const;
};

// What the formula of Leviathan et al. 2023 (section 3.3) takes for granted:
// one probability for every drafted token to be accepted. Estimated from as
// many as were decided about: all up to the first rejected one of each pass.
double acceptance_per_token(const std::vector<const Totals*>& totals);

// A setting beside the plain decoding that ran in turn with it.
struct Comparison {
  Setting setting;
  Totals plain;
  Totals speculative;
  std::vector<double> ratios;  // speculative over plain tokens/s, a prompt

  double speedup() const;  // of the sums
  // Medians, in plain passes: the target's over k rows, v(k); and all that an
  // iteration drafts, c (k - 1).
  double verify_cost() const;
  double draft_cost() const;
  // Tokens a pass over the sum of the two: what the parts promise (Leviathan et
  // al. 2023, section 3.3). What the whole falls short of it is bookkeeping.
  double predicted_speedup() const;
  // The same with the tokens a pass that the formula expects where each drafted
  // token is accepted with probability `acceptance`.
  // Of a fixed window.
  double formula_speedup(double acceptance) const;
};

// Runs every prompt with every setting, each time with plain decoding before
// it, so that both meet the machine in the same state. `request` has everything
// but prompt, temperature and window. `progress` gets 0..1; returning false
// ends the sweep early with what there is; settings that never ran are left
// out.
std::vector<Comparison> measure(const Session& session, const Request& request,
                                std::int64_t n_positions,
                                const std::vector<std::vector<Token>>& prompts,
                                const std::vector<Setting>& settings,
                                const std::function<bool(double)>& progress);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SWEEP_MEASURE_H_
