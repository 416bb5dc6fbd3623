#ifndef PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_
#define PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pilotfish/speedup.h"
#include "speculative/window/acceptance_estimate.h"
#include "speculative/window/pass_times.h"
#include "speculative/window/source_trial.h"
#include "speculative/window_policy.h"

namespace pilotfish {

// The window with the most expected tokens a second, from measured pass times
// and a running estimate of acceptance for each sequence and source of drafts;
// k = 1 where none pays. A source that tells how sure it is of its tokens ends
// a draft early, or goes on further, by that.
//
// Costs are those of a batch that goes the same way as the sequence: with B of
// them, v(k) is a pass over B k rows relative to one over B.
class AdaptiveWindow final : public WindowPolicy {
 public:
  static constexpr std::int64_t kLargest = 16;  // k

  // `sources`: as Drafter::sources().
  explicit AdaptiveWindow(std::size_t sources);
  AdaptiveWindow(const AdaptiveWindow&) = delete;  // trials point to sources
  AdaptiveWindow& operator=(const AdaptiveWindow&) = delete;

  DraftGuide& plan(const Sequence& sequence, std::int64_t batch) override;
  void observe(const IterationOutcome& iteration) override;

 private:
  // What is known of a source over all sequences.
  struct Source {
    AcceptanceEstimate usual{0.99, nullptr};
    // Of a pass that drafts a token for each of some sequences; of a whole
    // draft where the source copies.
    PassTimes times;
    bool has_drafted = false;
    bool copies = false;        // and does not say how sure it is
    double rows_per_place = 1;  // more where it drafts trees
    // Tokens that it may draft: more only once it has guessed some right, so
    // that a hopeless source costs little to find out about.
    std::int64_t most = 7;
  };

  // What a sequence may draft from a source in its next window.
  struct Offer {
    std::int64_t length = 0;
    SpeculationCosts costs;  // of windows up to length + 1
    double rate = 1;         // tokens a plain pass's time that it must bring in
  };

  class Guide final : public DraftGuide {
   public:
    explicit Guide(std::span<const Source> sources);

    std::int64_t most() const override;
    std::int64_t ask(std::size_t source) override;
    bool drafted(double confidence) override;
    bool worth(std::int64_t drafted, double likelihood) override;

   private:
    friend class AdaptiveWindow;

    template <typename Likelihood>
    bool another_pays(std::int64_t drafted, const Likelihood& likelihood) const;

    std::vector<SourceTrial> trials_;  // [source]
    std::vector<Offer> offers_;        // [source]
    std::size_t drafting_ = 0;
    std::vector<double> confidences_;  // of the tokens drafted
    double survival_ = 1;              // that all of them are accepted
    bool grows_tree_ = false;
    bool planned_ = false;  // for the current iteration
  };

  SpeculationCosts costs(const Source& source, std::int64_t batch) const;
  void make_offers(Guide& guide, std::int64_t batch);
  std::int64_t length_to_learn_from(std::int64_t batch) const;
  Guide* planned(const WindowOutcome& window);
  void note_times(const IterationOutcome& iteration);
  void note_draft_times(const IterationOutcome& iteration);
  double passes_taken(const Offer& offer, const WindowOutcome& window,
                      std::int64_t behind,
                      const IterationOutcome& iteration) const;
  void note_window(Guide& guide, const WindowOutcome& window,
                   const IterationOutcome& iteration);

  std::vector<Source> sources_;
  PassTimes target_;
  std::int64_t iterations_ = 0;   // planned, that only decoded
  std::int64_t since_plain_ = 0;  // that only decoded, since one without draft
  std::int64_t since_look_ = 0;   // that drafted, since one to learn from
  bool looks_ = false;            // the latest planned is one to learn from
  bool accepted_ = false;         // anything that was drafted
  double rate_ = 1;               // of the last offer, in tokens a plain pass
  std::int64_t window_ = 1;       // the best one then
  PerSequence<Guide> guides_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_
