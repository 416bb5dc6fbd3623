#include "speculative/loop/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/window.h"
#include "sampling/log_probabilities.h"
#include "speculative/token_checks.h"
#include "speculative/window/adaptive_window.h"

namespace pilotfish {
namespace {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

// What the cache may have of a sequence's tokens before it is admitted: what it
// has is not encoded, and gives no logits.
std::span<const Token> reusable(const Sequence& sequence) {
  if (!sequence.scores_prompt()) return sequence.tokens();
  return sequence.tokens().first(sequence.prompt_logprobs().size() + 1);
}

std::int64_t tree_depth(const Draft& draft) {
  if (!draft.is_tree()) return 0;
  std::vector<std::int64_t> depths;
  for (const std::int32_t parent : draft.parents) {
    depths.push_back(parent < 0 ? 1 : depths[static_cast<size_t>(parent)] + 1);
  }
  return *std::ranges::max_element(depths);
}

}  // namespace

SpeculativeDecoder::SpeculativeDecoder(
    Scorer& target, Drafter& drafter,
    std::shared_ptr<const TokenAcceptor> acceptor,
    const DecoderOptions& options)
    : target_(target),
      drafter_(drafter),
      options_(options),
      judge_(std::move(acceptor), target.vocab_size(), target.threads()) {
  if (options.window < 1 && options.window != kAutoWindow) {
    throw UsageError(
        fmt::format("window: {} is out of range; 1 (plain decoding) or more",
                    options.window));
  }
  if (options.prefill_chunk < 1) {
    throw UsageError(fmt::format("prefill_chunk: {} is out of range; 1 or more",
                                 options.prefill_chunk));
  }
  if (options.mixed_chunk < 1) {
    throw UsageError(fmt::format("mixed_chunk: {} is out of range; 1 or more",
                                 options.mixed_chunk));
  }
  if (options_.policy == nullptr) {
    options_.policy = std::make_shared<AdaptiveWindow>(drafter.sources());
  }
}

void SpeculativeDecoder::admit(Sequence& sequence) {
  assert(sequence.target_id < 0);
  check_fits(sequence, target_.vocab_size(), target_.n_positions());
  sequence.target_id =
      target_.create_for(reusable(sequence), sequence.cache_salt());
  const auto free = std::ranges::find(slots_, false);
  const auto slot = static_cast<std::uint32_t>(free - slots_.begin());
  if (free == slots_.end()) slots_.push_back(false);
  slots_[slot] = true;
  sequence.key = new_sequence_key(slot);
}

void SpeculativeDecoder::retire(Sequence& sequence) {
  if (sequence.target_id < 0) return;
  drafter_.release(sequence.key);
  histories_.erase(sequence.key);
  target_.release(sequence.target_id);
  slots_[sequence.key.slot] = false;
  sequence.key = {};
  sequence.target_id = -1;
}

KvGrowth SpeculativeDecoder::most_growth(const Sequence& sequence) const {
  const SequenceId id = sequence.target_id;
  const std::int64_t cached = target_.length(id);
  const std::int64_t window = window_of(sequence);
  const std::int64_t drafted =
      (window == kAutoWindow ? AdaptiveWindow::kLargest : window) - 1;
  const std::int64_t missing = std::clamp<std::int64_t>(
      sequence.size() - cached, 1, options_.prefill_chunk);
  return {id, std::min(missing + drafted, target_.n_positions() - cached)};
}

void SpeculativeDecoder::step(std::span<Sequence* const> sequences) {
  const Stopwatch iteration;
  plan(sequences);

  IterationStats times;
  const Stopwatch drafting;
  draft();
  times.draft_seconds = drafting.seconds();

  const Stopwatch verifying;
  const ForwardOutput output = score();
  times.verify_seconds = verifying.seconds();

  for (const Part& part : parts_) score_prompt(part, output.logits);
  judge(output.logits);
  outcomes_.clear();
  passes_.clear();
  bool encodes = false;
  for (Part& part : parts_) {
    encodes = encodes || part.rows != 1;
    IterationStats stats = times;
    settle(part, stats);
    stats.total_seconds = iteration.seconds();
    part.sequence->record(std::move(stats));
  }
  drafter_.commit(passes_, PassOutput(output, drafter_.hidden_layers()));
  options_.policy->observe({outcomes_, times.draft_seconds,
                            iteration.seconds() - times.draft_seconds,
                            encodes});
}

void SpeculativeDecoder::plan(std::span<Sequence* const> sequences) {
  recycle_drafts();
  parts_.clear();
  for (Sequence* sequence : sequences) {
    assert(!sequence->finished() && sequence->target_id >= 0);
    // Rows beyond are left of an iteration that threw. Where the target goes
    // back further than it must, the pass brings what is missing along.
    const SequenceId id = sequence->target_id;
    const std::int64_t cached = target_.truncate(
        id, std::min(target_.length(id), sequence->size() - 1));
    parts_.push_back({.sequence = sequence,
                      .cached = cached,
                      .rows = sequence->size() - cached});
  }
  // Prompts share what rows there are, in order.
  const std::int64_t decoded =
      std::ranges::count(parts_, std::int64_t{1}, &Part::rows);
  std::int64_t left = decoded == 0
                          ? options_.prefill_chunk
                          : std::min(options_.prefill_chunk,
                                     std::max(options_.mixed_chunk, decoded));
  std::int64_t scorable = scored_rows_at_a_time(target_.vocab_size());
  for (Part& part : parts_) {
    if (part.rows == 1) continue;
    part.rows = std::min(part.rows, left);
    if (part.sequence->scores_prompt()) {
      part.rows = std::min(part.rows, scorable);
      scorable -= part.rows;
    }
    left -= part.rows;
  }
}

void SpeculativeDecoder::recycle_drafts() {
  for (size_t i = 0; i < drafts_.size(); ++i) {
    drafts_[i] = std::move(requested_by_[i]->draft);
  }
  requested_by_.clear();
  if (!drafts_.empty()) drafter_.recycle(std::exchange(drafts_, {}));
}

// The sequence's tokens, for looking ahead. Whoever does so takes back what it
// pushed, so this lags behind the sequence at most.
TokenHistory& SpeculativeDecoder::history_of(const Sequence& sequence) {
  TokenHistory& history =
      histories_.find_or_make(sequence.key, sequence.history());
  for (const Token token :
       sequence.tokens().subspan(static_cast<size_t>(history.size()))) {
    history.push(token);
  }
  return history;
}

// nullopt: the drafter is left out. `batch`: how many sequences emit in this
// iteration. No path goes further than tokens can still be emitted: the target
// adds one to what is drafted. A tree's rows all take room meanwhile.
std::optional<DraftRequest> SpeculativeDecoder::request_for(
    Part& part, std::int64_t batch) {
  const Sequence& sequence = *part.sequence;
  const TokenAcceptor& acceptor = judge_.acceptor_of(sequence);
  const std::int64_t window = window_of(sequence);
  const std::int64_t room = target_.n_positions() - sequence.size();
  std::int64_t most = room - 1;
  if (window != kAutoWindow) most = std::min(most, window - 1);
  DraftRequest request = {.sequence = &sequence,
                          .length = std::min(most, sequence.tokens_left() - 1),
                          .noise = acceptor.draft_noise(),
                          .tree_size = most};
  if (sequence.tree_width()) request.tree_width = *sequence.tree_width();
  if (!acceptor.takes_trees()) request.tree_width = 1;
  if (request.length == 0) return std::nullopt;
  // A prompt, or a text that goes on in an empty cache, is encoded first,
  // whatever chunks it comes in.
  if (sequence.generated_size() == 0 || !part.emits()) {
    if (window == kAutoWindow &&
        !options_.policy->follows_prompt(sequence, std::ssize(parts_))) {
      return std::nullopt;
    }
    request.length = 0;
    return request;
  }
  if (window == kAutoWindow) {
    request.guide = &options_.policy->plan(sequence, batch);
    request.context = DraftRequest::kShortContext;
  }
  return request;
}

// Once all sequences are planned. Returns whether the drafter is needed.
bool SpeculativeDecoder::complete(DraftRequest& request, Part& part) {
  if (request.guide != nullptr) {
    const std::int64_t most = request.guide->most();
    request.length = std::min(request.length, most);
    request.tree_size = std::min(request.tree_size, most);
    if (request.length == 0) return false;
  }
  if (request.length > 0) {
    request.failure = &part.failure;
    request.history = part.history = &history_of(*part.sequence);
  }
  return true;
}

void SpeculativeDecoder::draft() {
  requests_.clear();
  const std::int64_t batch = std::ranges::count_if(parts_, &Part::emits);
  for (Part& part : parts_) {
    const auto request = request_for(part, batch);
    if (!request) continue;
    requests_.push_back(*request);
    requested_by_.push_back(&part);
  }
  size_t kept = 0;
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (!complete(requests_[i], *requested_by_[i])) continue;
    requests_[kept] = requests_[i];
    requested_by_[kept++] = requested_by_[i];
  }
  requests_.resize(kept);
  requested_by_.resize(kept);
  if (requests_.empty()) return;
  drafts_ = drafter_.propose(requests_);
  assert(drafts_.size() == requests_.size());
  for (size_t i = 0; i < drafts_.size(); ++i) {
    assert(drafts_[i].is_tree()
               ? tree_depth(drafts_[i]) <= requests_[i].length &&
                     std::ssize(drafts_[i].tokens) <= requests_[i].tree_size &&
                     requests_[i].tree_width > 1
               : std::ssize(drafts_[i].tokens) <= requests_[i].length);
    requested_by_[i]->draft = std::move(drafts_[i]);
  }
}

ForwardOutput SpeculativeDecoder::score() {
  batch_.clear();
  batch_.want_hidden(drafter_.hidden_layers());
  for (Part& part : parts_) {
    if (part.rows > 0) add_rows(part);  // or the pass is full of other prompts
  }
  const ForwardOutput output = target_.forward(batch_);
  if (!batch_.hidden_layers().empty() &&
      output.hidden.rows() != batch_.hidden_rows()) {
    throw Error(fmt::format(
        "target: it gave {} hidden rows of each layer; the drafter needs {}",
        output.hidden.rows(), batch_.hidden_rows()));
  }
  return output;
}

void SpeculativeDecoder::add_rows(Part& part) {
  const std::span<const Token> own = part.sequence->tokens().subspan(
      static_cast<size_t>(part.cached), static_cast<size_t>(part.rows));
  tokens_.assign(own.begin(), own.end());
  tokens_.insert(tokens_.end(), part.draft.tokens.begin(),
                 part.draft.tokens.end());
  const bool wants_hidden =
      !batch_.hidden_layers().empty() && window_of(*part.sequence) != 1;
  const std::int64_t hidden_rows = wants_hidden ? std::ssize(tokens_) : 0;
  const bool scores = part.sequence->scores_prompt();
  const std::int64_t own_logits = scores ? part.rows : part.emits() ? 1 : 0;
  const std::int64_t logits_rows = own_logits + std::ssize(part.draft.tokens);
  part.first_hidden = batch_.hidden_rows();
  if (scores) part.first_scored = batch_.logits_rows();
  if (part.emits()) part.first_logits = batch_.logits_rows() + own_logits - 1;
  const SequenceId id = part.sequence->target_id;
  if (!part.draft.is_tree()) {
    batch_.add(id, tokens_, logits_rows, hidden_rows);
    return;
  }
  // The sequence's own rows are the tree's trunk.
  tree_.clear();
  const auto trunk = static_cast<std::int32_t>(part.rows);
  for (std::int32_t i = 0; i < trunk; ++i) tree_.push_back(i - 1);
  for (const std::int32_t parent : part.draft.parents) {
    tree_.push_back(trunk + parent);
  }
  batch_.add_tree(id, tokens_, tree_, logits_rows, hidden_rows);
}

// What the pass says of the prompt's tokens, each by the row before it.
void SpeculativeDecoder::score_prompt(const Part& part, const Logits& logits) {
  if (part.first_scored < 0) return;
  Sequence& sequence = *part.sequence;
  const std::span<const Token> tokens = sequence.tokens();
  while (sequence.scores_prompt()) {
    const std::int64_t before = std::ssize(sequence.prompt_logprobs());
    if (before >= part.cached + part.rows) return;  // of a later pass
    const std::span<const float> row =
        logits.row(part.first_scored + before - part.cached);
    if (std::string fault = logits_fault(row); !fault.empty()) {
      sequence.fail({.text = fault_message(
                         "target", before + 1,
                         {.is_models = true, .text = std::move(fault)})});
      return;
    }
    sequence.add_prompt_logprobs(
        log_probabilities(row, tokens[static_cast<size_t>(before + 1)],
                          *sequence.logprobs_wanted()));
  }
}

// All verdicts come before the first change.
void SpeculativeDecoder::judge(const Logits& logits) {
  size_t drafted = 0;
  size_t cases = 0;
  for (const Part& part : parts_) {
    drafted += part.draft.size();
    cases += part.emits();
  }
  paths_.resize(drafted);
  cases_.clear();
  cases_.reserve(cases);
  std::span<std::int32_t> room = paths_;
  for (Part& part : parts_) {
    if (!part.emits()) continue;
    part.judged =
        &cases_.emplace_back(Case{.sequence = part.sequence,
                                  .draft = &part.draft,
                                  .history = part.history,
                                  .first_row = part.first_logits,
                                  .path = room.first(part.draft.size())});
    room = room.subspan(part.draft.size());
  }
  judge_.judge(cases_, logits);
}

// What the pass brought one sequence.
void SpeculativeDecoder::settle(Part& part, IterationStats& stats) {
  Sequence& sequence = *part.sequence;
  std::span<const std::int32_t> kept;
  if (Case* const judged = part.judged) {
    if (judged->failure) sequence.fail(std::move(*judged->failure));
    if (part.failure) sequence.fail({.text = std::move(*part.failure)});
  }
  if (sequence.failure()) return;
  if (Case* const judged = part.judged) {
    const auto accepted = static_cast<std::int64_t>(judged->verdict.accepted);
    stats.drafted = std::ssize(part.draft.tokens);
    stats.tree_depth = tree_depth(part.draft);
    stats.drafter = part.draft.drafter;
    stats.emitted = take_over(part);
    stats.accepted = std::min(accepted, stats.emitted);
    stats.proposals = std::move(judged->proposals);
    kept = judged->path.first(static_cast<size_t>(stats.accepted));
    outcomes_.push_back(
        {sequence.key, stats.drafted, stats.places(), accepted});
  }
  if (part.rows == 0 || window_of(sequence) == 1) return;
  passes_.push_back({.sequence = &sequence,
                     .first = part.cached,
                     .own = part.rows,
                     .kept = kept,
                     .first_hidden = part.first_hidden,
                     .first_logits = part.first_logits});
}

// Grows the sequence by its verdict and fits the target's cache to it.
std::int64_t SpeculativeDecoder::take_over(const Part& part) {
  Sequence& sequence = *part.sequence;
  Case& judged = *part.judged;
  const std::int32_t end = judged.path.empty() ? -1 : judged.path.back();
  const bool all_kept =
      part.draft.next_child(end, static_cast<size_t>(end + 1)) < 0;
  const std::int64_t emitted = sequence.append(
      judged.verdict, all_kept ? Origin::kBonus : Origin::kRecovered,
      target_.n_positions(), judged.logprobs);
  // The newest token is not cached yet.
  if (part.draft.is_tree()) {
    const auto trunk = static_cast<std::int32_t>(part.rows);
    tree_.clear();
    for (std::int32_t i = 0; i < trunk; ++i) tree_.push_back(i);
    for (std::int64_t i = 0; i + 1 < emitted; ++i) {
      tree_.push_back(trunk + judged.path[static_cast<size_t>(i)]);
    }
    target_.keep(sequence.target_id, tree_);
  } else {
    target_.truncate(sequence.target_id, sequence.size() - 1);
  }
  return emitted;
}

}  // namespace pilotfish
