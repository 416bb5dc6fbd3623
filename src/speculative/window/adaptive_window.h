#ifndef PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_
#define PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "speculative/window/acceptance_estimate.h"
#include "speculative/window/pass_times.h"
#include "speculative/window/shared_draft.h"
#include "speculative/window/source_trial.h"
#include "speculative/window_policy.h"

namespace pilotfish {

// The window with the most expected tokens a second, from measured pass times
// and a running estimate of acceptance for each sequence and source of drafts;
// k = 1 where none pays. A source that tells how sure it is of its tokens ends
// a draft early, or goes on further, by that. The sequences of an iteration
// decide together (shared_draft.h).
class AdaptiveWindow final : public WindowPolicy {
 public:
  static constexpr std::int64_t kLargest = 16;  // k

  // `sources`: as Drafter::sources().
  explicit AdaptiveWindow(std::size_t sources);
  AdaptiveWindow(const AdaptiveWindow&) = delete;  // trials point to sources
  AdaptiveWindow& operator=(const AdaptiveWindow&) = delete;

  DraftGuide& plan(const Sequence& sequence, std::int64_t batch) override;
  bool follows_prompt(const Sequence& sequence, std::int64_t batch) override;
  void observe(const IterationOutcome& iteration) override;

 private:
  // What is known of a source over all sequences.
  struct Source {
    AcceptanceEstimate usual{0.99, nullptr};
    // Of a pass that drafts a token for each of some sequences; of a whole
    // draft where the source copies.
    PassTimes times;
    TrySavings savings;
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
    bool fixed = false;  // to learn from it, whatever it costs
  };

  class Guide final : public DraftGuide {
   public:
    Guide(AdaptiveWindow& policy, std::span<const Source> sources);

    std::int64_t most() override;
    std::int64_t ask(std::size_t source) override;
    void drafted(double confidence) override;
    bool another_pays() override;
    bool worth(std::int64_t drafted, double likelihood) override;

   private:
    friend class AdaptiveWindow;

    const Offer& offer() const { return offers_[drafting_]; }
    std::int64_t drafted() const { return std::ssize(confidences_); }

    AdaptiveWindow* policy_;
    std::vector<SourceTrial> trials_;  // [source]
    std::vector<Offer> offers_;        // [source]
    std::size_t drafting_ = 0;
    std::vector<double> confidences_;  // of the tokens drafted
    double survival_ = 1;              // that all of them are accepted
    bool grows_tree_ = false;
    std::optional<bool> follows_prompt_;
    bool planned_ = false;       // for the current iteration
    std::int64_t passes_ = 0;    // that drafted for it
    std::int64_t decided_ = -1;  // passes when it was asked for more
    bool goes_on_ = false;       // the answer
  };

  std::int64_t length_to_learn_from() const;
  std::int64_t length_to_look_at() const;
  std::int64_t longest_known(std::int64_t batch) const;
  bool may_pay(std::int64_t batch) const;
  void make_offers();
  void set_terms(std::size_t source, std::int64_t batch, std::int64_t sequences,
                 DraftTerms& terms) const;
  bool offer_from(std::size_t source);
  double draft_cost(std::size_t source, std::int64_t sequences,
                    std::int64_t batch) const;
  double pass_cost(std::size_t source, std::int64_t sequences,
                   std::int64_t batch) const;
  void decide_together(std::size_t source, std::int64_t passes);
  Guide* planned(const WindowOutcome& window);
  void note_times(const IterationOutcome& iteration);
  void note_draft_times(const IterationOutcome& iteration);
  double cost_of(std::size_t source, const Guide& guide,
                 const WindowOutcome& window, std::int64_t drafting,
                 const IterationOutcome& iteration) const;
  void note_window(Guide& guide, const WindowOutcome& window,
                   std::int64_t drafting, const IterationOutcome& iteration);

  std::vector<Source> sources_;
  PassTimes target_;
  std::int64_t iterations_ = 0;   // planned, that only decoded
  std::int64_t since_plain_ = 0;  // that only decoded, since one without draft
  std::int64_t since_look_ = 0;   // that drafted, since one to learn from
  bool looks_ = false;            // the latest planned is one to learn from
  bool encoded_ = false;          // prompts, in the latest iteration
  bool accepted_ = false;         // anything that was drafted
  double rate_ = 1;               // of the last offer, in tokens a plain pass
  std::int64_t window_ = 1;       // the best one then
  PerSequence<Guide> guides_;
  // Of the current iteration.
  std::vector<Guide*> round_;      // sequences that were planned
  std::vector<DraftTerms> terms_;  // [source]
  std::int64_t batch_ = 1;
  bool has_offers_ = false;
  std::vector<Prospect> prospects_;  // [round]
  std::vector<Drafting> drafting_;
  std::vector<Guide*> drafting_guides_;
};

}  // namespace pilotfish

#endif  // PILOTFISH_SPECULATIVE_WINDOW_ADAPTIVE_WINDOW_H_
