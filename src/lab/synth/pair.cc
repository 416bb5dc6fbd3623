#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "formats/new_path.h"
#include "lab/synth/agreement.h"
#include "lab/synth/synth_file.h"
#include "pilotfish/error.h"
#include "pilotfish/lab/synth.h"

namespace pilotfish {
namespace {

namespace fs = std::filesystem;

// Where the scale may lie, and where to look next. The share of tokens that
// differ grows with the scale, at first in proportion.
class ScaleSearch {
 public:
  explicit ScaleSearch(double goal) : goal_(goal) {}

  double scale() const { return scale_; }
  bool is_close(double agreement) const {
    return std::abs(agreement - goal_) <= kTolerance;
  }

  void learn(double agreement, std::int64_t places) {
    (agreement > goal_ ? low_ : high_) = scale_;
    const double differ =
        std::max(1 - agreement, 1 / static_cast<double>(places));
    double next = scale_ * std::min((1 - goal_) / differ, kMostGrowth);
    const bool bracketed = high_ > 0;
    if (next <= low_ || (bracketed && next >= high_)) {
      next = bracketed ? (low_ + high_) / 2 : low_ * kMostGrowth;
    }
    scale_ = next;
  }

 private:
  static constexpr double kTolerance = 0.01;
  static constexpr double kMostGrowth = 4;

  const double goal_;
  double scale_ = 0.02;
  double low_ = 0;   // agrees more often than wanted
  double high_ = 0;  // less often; 0: none known
};

class PairMaker {
 public:
  PairMaker(const Shape& shape, const fs::path& target, const fs::path& draft,
            const SynthOptions& options, const PairOptions& pair)
      : shape_(shape),
        options_(options),
        pair_(pair),
        threads_(options.threads ? options.threads : make_threads()),
        target_(target, existing(options)),
        draft_(draft, existing(options)),
        search_(pair.agreement) {}

  PairReport make() {
    write_draft();
    const auto draft = load(draft_);
    const auto texts = random_texts(kTexts, text_length(),
                                    shape_.config.vocab_size, options_.seed);
    const auto drafted = most_probable(*draft, texts);
    PairReport report;
    for (int trial = 0; trial < kTrials; ++trial) {
      trial_ = trial;
      write_target(search_.scale());
      report.scale = search_.scale();
      const double agreed =
          agreement(drafted, most_probable(*load(target_), texts));
      if (search_.is_close(agreed)) break;
      search_.learn(agreed, kTexts * text_length());
    }
    measure(draft, report);
    draft_.commit();
    target_.commit();
    return report;
  }

 private:
  static constexpr std::int64_t kTexts = 4;
  static constexpr int kTrials = 8;

  std::int64_t text_length() const {
    constexpr std::int64_t kLength = 64;
    return std::min(kLength, shape_.config.n_positions);
  }

  // The search takes about half of its trials; what it does not need is passed
  // over.
  void show(double fraction) const {
    if (options_.progress) options_.progress((trial_ + fraction) / kTrials);
  }

  std::shared_ptr<Model> load(const NewPath& candidate) const {
    return Model::load(candidate.temporary(), {.threads = threads_});
  }

  void write_draft() const {
    SynthOptions options = options_;
    options.dtype = pair_.draft_dtype.value_or(options_.dtype);
    options.progress = {};
    Shape shape = shape_;
    shape.name += fmt::format("-first-{}-layers", pair_.draft_layers);
    shape.config.keep_layers(pair_.draft_layers);
    write_synth_file(shape, {.first = pair_.draft_layers}, options, *threads_,
                     draft_.temporary());
  }

  void write_target(double scale) const {
    SynthOptions options = options_;
    options.overwrite = true;  // the trial before
    options.progress = [&](double fraction) { show(fraction); };
    write_synth_file(shape_, {.first = pair_.draft_layers, .scale = scale},
                     options, *threads_, target_.temporary());
  }

  // Measures agreement on texts that the target writes itself.
  void measure(const std::shared_ptr<Model>& draft, PairReport& report) {
    trial_ = kTrials - 1;
    const std::int64_t half = text_length();
    auto prompts = random_texts(kTexts, half / 4, shape_.config.vocab_size,
                                ~options_.seed);
    const auto target = load(target_);
    const auto texts = greedy_texts(target, draft, prompts, half - half / 4,
                                    [&](double fraction) { show(fraction); });
    std::vector<Text> drafted;
    for (size_t i = 0; i < prompts.size(); ++i) {
      Text all = prompts[i];
      all.insert(all.end(), texts[i].begin(), texts[i].end() - 1);
      const Text guesses = most_probable(*draft, {&all, 1}).front();
      drafted.emplace_back(guesses.end() - std::ssize(texts[i]), guesses.end());
      report.tokens += std::ssize(texts[i]);
    }
    report.agreement = agreement(drafted, texts);
    report.fresh_pairs = fresh_pairs(texts);
  }

  const Shape& shape_;
  const SynthOptions& options_;
  const PairOptions& pair_;
  const std::shared_ptr<ThreadTeam> threads_;
  NewPath target_;
  NewPath draft_;
  ScaleSearch search_;
  int trial_ = 0;
};

void check_pair(const Shape& shape, const fs::path& target,
                const fs::path& draft, const SynthOptions& options,
                const PairOptions& pair) {
  check_synth_dtype(options.dtype);
  if (pair.draft_dtype) check_synth_dtype(*pair.draft_dtype);
  if (!(pair.agreement >= 0.05 && pair.agreement <= 0.99)) {
    throw UsageError(fmt::format("agreement: found {}, expected 0.05 to 0.99",
                                 pair.agreement));
  }
  if (pair.draft_layers < 1 || pair.draft_layers >= shape.config.n_layers()) {
    throw UsageError(fmt::format(
        "draft layers: found {}, expected 1 to {}, fewer than the target's",
        pair.draft_layers, shape.config.n_layers() - 1));
  }
  if (target == draft) {
    throw UsageError(fmt::format("{}: target and draft cannot be the same file",
                                 target.string()));
  }
  check_name_for_new_file(target, existing(options));
  check_name_for_new_file(draft, existing(options));
}

}  // namespace

PairReport synthesise_pair(const Shape& shape, const fs::path& target,
                           const fs::path& draft, const SynthOptions& options,
                           const PairOptions& pair) {
  check_pair(shape, target, draft, options, pair);
  return PairMaker(shape, target, draft, options, pair).make();
}

}  // namespace pilotfish
