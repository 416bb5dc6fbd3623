#ifndef PILOTFISH_LAB_SWEEP_H_
#define PILOTFISH_LAB_SWEEP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "pilotfish/engine.h"
#include "pilotfish/iteration_summary.h"
#include "pilotfish/model.h"
#include "pilotfish/token.h"
#include "pilotfish/tokenizer.h"

// What speculation gains with a pair of models, prompts and settings: every
// setting is measured beside plain decoding.
namespace pilotfish {

// What a sweep varies.
struct SweepSetting {
  std::vector<std::string> drafters;  // in order of preference; not empty
  std::string acceptor;               // as make_acceptor takes it
  double temperature = 0;
  std::int64_t window = 2;  // or kAutoWindow
};

// A setting beside the plain decoding that ran in turn with it; sums over its
// prompts.
struct SweepComparison {
  SweepSetting setting;
  std::int64_t prompts = 0;  // that it ran with
  IterationSummary plain;
  IterationSummary speculative;
  std::vector<double> ratios;  // speculative over plain tokens/s, a prompt each

  double speedup() const;  // of the sums
  // Medians, in plain passes: the target's over k rows, v(k); and all that an
  // iteration drafts, c (k - 1).
  double verify_cost() const;
  double draft_cost() const;
  // Tokens per pass over the sum of the two: what the parts promise (Leviathan
  // et al. 2023, section 3.3). The measured speed-up is lower by the
  // bookkeeping.
  double predicted_speedup() const;
  // The same with the tokens per pass that the formula expects where each
  // drafted token is accepted with probability `acceptance`. Requires a fixed
  // window.
  double formula_speedup(double acceptance) const;
};

struct SweepOptions {
  // All but the acceptor and the drafters, which the settings bring.
  EngineOptions engine;
  // All but the prompt, the temperature and the window.
  Request request;
  std::vector<std::vector<Token>> prompts;
  // Those that differ by their window alone follow each other, an automatic one
  // first.
  std::vector<SweepSetting> settings;
  // Gets 0 to 1 after each comparison of a prompt; returns false to end the
  // sweep with the results so far.
  std::function<bool(double done)> progress = nullptr;
};

// Runs every prompt with every setting, each time with plain decoding before
// it, so that both run under the same conditions: the first prompt with all
// settings, then the second, and so on. Settings that never ran are left out.
// `draft` and `tokenizer` may be null, as for an Engine. Throws UsageError.
std::vector<SweepComparison> sweep(
    const std::shared_ptr<Model>& target, const std::shared_ptr<Model>& draft,
    const std::shared_ptr<const Tokenizer>& tokenizer,
    const SweepOptions& options);

// Comparisons that differ by their window alone, in the order measured.
using SweepGroup = std::span<const SweepComparison>;
std::vector<SweepGroup> sweep_groups(
    const std::vector<SweepComparison>& comparisons);

// All speculative runs of a group together: they share one probability that a
// drafted token is accepted, IterationSummary::acceptance_per_token.
double acceptance_per_token(SweepGroup group);

// The fastest setting, or nullptr where none beat plain decoding.
const SweepComparison* best_of(SweepGroup comparisons);

// {settings, groups, best_setting}: the figures of each setting, the groups
// with their plain runs and the places of their settings, and the place of
// best_of; null where there is none.
nlohmann::ordered_json sweep_json(
    const std::vector<SweepComparison>& comparisons);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SWEEP_H_
