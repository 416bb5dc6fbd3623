#include "speculative/loop/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <string>
#include <utility>

#include "pilotfish/error.h"
#include "pilotfish/window.h"
#include "sampling/log_probabilities.h"
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

std::vector<Proposal> proposals_of(const Draft& draft,
                                   std::span<const Distribution> target) {
  std::vector<Proposal> proposals;
  for (size_t i = 0; i < draft.size(); ++i) {
    const Token token = draft.tokens[i];
    const std::int32_t parent = draft.parent(i);
    const Distribution& p = target[static_cast<size_t>(parent + 1)];
    proposals.push_back(
        {token, draft.proposed(i), p.probability(token), parent});
  }
  return proposals;
}

// The indices of the tokens that lead to token `last` of a draft, and itself.
std::vector<std::int32_t> path_to(const Draft& draft, std::int32_t last) {
  std::vector<std::int32_t> path;
  for (; last >= 0; last = draft.parent(static_cast<size_t>(last))) {
    path.push_back(last);
  }
  std::ranges::reverse(path);
  return path;
}

std::int64_t tree_depth(const Draft& draft) {
  if (!draft.is_tree()) return 0;
  std::vector<std::int64_t> depths;
  for (const std::int32_t parent : draft.parents) {
    depths.push_back(parent < 0 ? 1 : depths[static_cast<size_t>(parent)] + 1);
  }
  return *std::ranges::max_element(depths);
}

// Makes the history end with the drafted tokens down to token `last`, whose
// first lies at `size`; it ends so for the token before.
void look_ahead(TokenHistory& history, std::int64_t size, const Draft& draft,
                std::int32_t last) {
  const auto token = [&](std::int32_t i) {
    return draft.tokens[static_cast<size_t>(i)];
  };
  if (draft.parent(static_cast<size_t>(last)) == last - 1) {
    history.push(token(last));
    return;
  }
  history.truncate(size);
  for (const std::int32_t i : path_to(draft, last)) history.push(token(i));
}

}  // namespace

SpeculativeDecoder::SpeculativeDecoder(
    Scorer& target, Drafter& drafter,
    std::shared_ptr<const TokenAcceptor> acceptor,
    const DecoderOptions& options)
    : target_(target),
      drafter_(drafter),
      acceptor_(std::move(acceptor)),
      options_(options) {
  assert(acceptor_ != nullptr);
  if (options.window < 1 && options.window != kAutoWindow) {
    throw UsageError(
        fmt::format("window: {} is out of range; 1 (plain decoding) or more",
                    options.window));
  }
  if (options.prefill_chunk < 1) {
    throw UsageError(fmt::format("prefill_chunk: {} is out of range; 1 or more",
                                 options.prefill_chunk));
  }
  if (options_.policy == nullptr) {
    options_.policy = std::make_shared<AdaptiveWindow>(drafter.sources());
  }
}

void SpeculativeDecoder::admit(Sequence& sequence) {
  assert(sequence.target_id < 0);
  const std::span<const Token> tokens = sequence.tokens();
  if (sequence.size() >= target_.n_positions()) {
    throw UsageError(fmt::format(
        "prompt: {} tokens leave no room for another; n_positions is {}",
        tokens.size(), target_.n_positions()));
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < target_.vocab_size()) continue;
    throw UsageError(fmt::format(
        "prompt: token {} at index {} is outside the model's vocabulary of {}",
        tokens[i], i, target_.vocab_size()));
  }
  sequence.target_id = target_.create();
}

void SpeculativeDecoder::retire(Sequence& sequence) {
  drafter_.forget(sequence);
  options_.policy->forget(sequence);
  if (sequence.target_id >= 0) target_.release(sequence.target_id);
  sequence.target_id = -1;
}

void SpeculativeDecoder::step(std::span<Sequence* const> sequences) {
  const Stopwatch iteration;
  plan(sequences);

  IterationStats stats;
  const Stopwatch drafting;
  draft();
  stats.draft_seconds = drafting.seconds();

  const Stopwatch verifying;
  const Logits logits = score();
  stats.verify_seconds = verifying.seconds();

  // All verdicts before the first change: one that is refused leaves every
  // sequence as it was.
  std::int64_t row = 0;
  for (Part& part : parts_) {
    if (!part.emits()) continue;
    judge(part, logits, row);
    check(part);
    note_logprobs(part, logits, row);
    row += 1 + static_cast<std::int64_t>(part.draft.size());
  }
  outcomes_.clear();
  bool encodes = false;
  for (Part& part : parts_) {
    stats.drafted = static_cast<std::int64_t>(part.draft.size());
    stats.tree_depth = tree_depth(part.draft);
    encodes = encodes || part.rows != 1;
    if (part.emits()) {
      outcomes_.push_back({part.sequence, stats.drafted, stats.places(),
                           static_cast<std::int64_t>(part.verdict.accepted)});
    }
    stats.emitted = part.emits() ? take_over(part) : 0;
    stats.accepted = std::min(static_cast<std::int64_t>(part.verdict.accepted),
                              stats.emitted);
    stats.total_seconds = iteration.seconds();
    stats.proposals = std::move(part.proposals);
    part.sequence->record(stats);
  }
  options_.policy->observe({outcomes_, stats.draft_seconds,
                            iteration.seconds() - stats.draft_seconds,
                            encodes});
}

void SpeculativeDecoder::plan(std::span<Sequence* const> sequences) {
  recycle_drafts();
  parts_.clear();
  paths_.clear();
  std::int64_t prefill_left = options_.prefill_chunk;
  for (Sequence* sequence : sequences) {
    assert(!sequence->finished() && sequence->target_id >= 0);
    // Rows beyond are left of an iteration that threw.
    const std::int64_t cached =
        std::min(target_.length(sequence->target_id), sequence->size() - 1);
    target_.truncate(sequence->target_id, cached);
    const std::int64_t missing = sequence->size() - cached;
    std::int64_t rows = 1;
    if (missing > 1) {
      rows = std::min(missing, prefill_left);
      prefill_left -= rows;
    }
    parts_.push_back({sequence, cached, rows, {}, {}});
  }
}

void SpeculativeDecoder::recycle_drafts() {
  for (size_t i = 0; i < drafts_.size(); ++i) {
    drafts_[i] = std::move(requested_by_[i]->draft);
  }
  requested_by_.clear();
  if (!drafts_.empty()) drafter_.recycle(std::exchange(drafts_, {}));
}

// nullopt: the drafter is left out. `batch`: how many sequences emit in this
// iteration. No path goes further than tokens can still be emitted: the target
// adds one to what is drafted. A tree's rows all take room meanwhile.
std::optional<DraftRequest> SpeculativeDecoder::request_for(
    const Part& part, std::int64_t batch) {
  Sequence& sequence = *part.sequence;
  const std::int64_t window = sequence.window().value_or(options_.window);
  const std::int64_t room = target_.n_positions() - sequence.size();
  std::int64_t most = room - 1;
  if (window != kAutoWindow) most = std::min(most, window - 1);
  DraftRequest request = {.sequence = &sequence,
                          .length = std::min(most, sequence.tokens_left() - 1),
                          .noise = acceptor_->draft_noise(),
                          .tree_size = most};
  if (request.length == 0) return std::nullopt;
  // A prompt, or a text that goes on in an empty cache, is encoded first,
  // whatever chunks it comes in.
  if (sequence.generated_size() == 0 || !part.emits()) {
    request.length = 0;
    return request;
  }
  if (window == kAutoWindow) {
    request.guide = &options_.policy->plan(sequence, batch);
    request.context = DraftRequest::kShortContext;
    const std::int64_t planned = request.guide->most();
    request.length = std::min(request.length, planned);
    request.tree_size = std::min(request.tree_size, planned);
    if (request.length == 0) return std::nullopt;
  }
  return request;
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
  if (requests_.empty()) return;
  drafts_ = drafter_.propose(requests_);
  assert(drafts_.size() == requests_.size());
  for (size_t i = 0; i < drafts_.size(); ++i) {
    assert(drafts_[i].is_tree()
               ? tree_depth(drafts_[i]) <= requests_[i].length &&
                     std::ssize(drafts_[i].tokens) <= requests_[i].tree_size &&
                     acceptor_->takes_trees()
               : std::ssize(drafts_[i].tokens) <= requests_[i].length);
    requested_by_[i]->draft = std::move(drafts_[i]);
  }
}

Logits SpeculativeDecoder::score() {
  batch_.clear();
  for (const Part& part : parts_) {
    if (part.rows == 0) continue;  // the pass is full of other prompts
    const std::span<const Token> own = part.sequence->tokens().subspan(
        static_cast<size_t>(part.cached), static_cast<size_t>(part.rows));
    tokens_.assign(own.begin(), own.end());
    tokens_.insert(tokens_.end(), part.draft.tokens.begin(),
                   part.draft.tokens.end());
    const auto drafted = static_cast<std::int64_t>(part.draft.size());
    const std::int64_t logits_rows = part.emits() ? 1 + drafted : 0;
    if (!part.draft.is_tree()) {
      batch_.add(part.sequence->target_id, tokens_, logits_rows);
      continue;
    }
    // The sequence's own rows are the tree's trunk.
    tree_.clear();
    const auto trunk = static_cast<std::int32_t>(part.rows);
    for (std::int32_t i = 0; i < trunk; ++i) tree_.push_back(i - 1);
    for (const std::int32_t parent : part.draft.parents) {
      tree_.push_back(trunk + parent);
    }
    batch_.add_tree(part.sequence->target_id, tokens_, tree_, logits_rows);
  }
  return target_.forward(batch_).logits;
}

void SpeculativeDecoder::judge(Part& part, const Logits& logits,
                               std::int64_t first_row) {
  Sequence& sequence = *part.sequence;
  for (Distribution& row : rows_) processor_.recycle(std::move(row));
  rows_.clear();
  {
    const HistoryRollback rollback(sequence.history());
    const std::int64_t size = sequence.size();
    const auto drafted = static_cast<std::int32_t>(part.draft.size());
    for (std::int32_t i = -1; i < drafted; ++i) {
      if (i >= 0) look_ahead(sequence.history(), size, part.draft, i);
      rows_.push_back(
          processor_.process(logits.row(first_row + 1 + i), sequence.sampling(),
                             sequence.history(), sequence.stop_tokens()));
    }
  }
  part.verdict =
      acceptor_->accept({part.draft, rows_, sequence.random(),
                         static_cast<std::uint64_t>(sequence.size())});
  if (sequence.keeps_proposals()) {
    part.proposals = proposals_of(part.draft, rows_);
  }
}

void SpeculativeDecoder::check(Part& part) {
  const Draft& draft = part.draft;
  const Verdict& verdict = part.verdict;
  if (verdict.accepted > draft.size() ||
      verdict.tokens.size() != verdict.accepted + 1) {
    throw Error(fmt::format(
        "acceptor {}: its verdict on {} drafted tokens has {} tokens, {} of "
        "them accepted; the accepted ones and exactly one more are expected",
        acceptor_->name(), draft.size(), verdict.tokens.size(),
        verdict.accepted));
  }
  follow_path(part);
  const Token last = verdict.tokens.back();
  if (last < 0 || last >= target_.vocab_size()) {
    throw Error(fmt::format(
        "acceptor {}: its verdict ends in token {}, outside the model's "
        "vocabulary of {}",
        acceptor_->name(), last, target_.vocab_size()));
  }
}

std::span<const std::int32_t> SpeculativeDecoder::path_of(
    const Part& part) const {
  return std::span(paths_).subspan(part.path, part.verdict.accepted);
}

// Finds the accepted tokens in the draft.
void SpeculativeDecoder::follow_path(Part& part) {
  const Draft& draft = part.draft;
  part.path = paths_.size();
  std::int32_t at = -1;
  for (size_t i = 0; i < part.verdict.accepted; ++i) {
    const Token token = part.verdict.tokens[i];
    const std::int32_t first =
        draft.next_child(at, static_cast<size_t>(at + 1));
    at = draft.child_with(at, token);
    if (at < 0) {
      throw Error(fmt::format(
          "acceptor {}: its verdict gives token {} as accepted at place {}, "
          "where {} was drafted",
          acceptor_->name(), token, i,
          first < 0
              ? std::string("none")
              : std::to_string(draft.tokens[static_cast<size_t>(first)])));
    }
    paths_.push_back(at);
  }
}

void SpeculativeDecoder::note_logprobs(Part& part, const Logits& logits,
                                       std::int64_t first_row) {
  const std::optional<std::int64_t> wanted = part.sequence->logprobs_wanted();
  if (!wanted) return;
  const std::span<const std::int32_t> path = path_of(part);
  std::int32_t before = -1;
  for (size_t i = 0; i < part.verdict.tokens.size(); ++i) {
    part.logprobs.push_back(log_probabilities(
        logits.row(first_row + 1 + before), part.verdict.tokens[i], *wanted));
    if (i < path.size()) before = path[i];
  }
}

// Grows the sequence by its verdict and fits the caches to it.
std::int64_t SpeculativeDecoder::take_over(Part& part) {
  Sequence& sequence = *part.sequence;
  const std::span<const std::int32_t> path = path_of(part);
  const std::int32_t end = path.empty() ? -1 : path.back();
  const bool all_kept =
      part.draft.next_child(end, static_cast<size_t>(end + 1)) < 0;
  const std::int64_t emitted = sequence.append(
      part.verdict, all_kept ? Origin::kBonus : Origin::kRecovered,
      target_.n_positions(), part.logprobs);
  // The newest token is not cached yet.
  if (part.draft.is_tree()) {
    const auto trunk = static_cast<std::int32_t>(part.rows);
    tree_.clear();
    for (std::int32_t i = 0; i < trunk; ++i) tree_.push_back(i);
    for (std::int64_t i = 0; i + 1 < emitted; ++i) {
      tree_.push_back(trunk + path[static_cast<size_t>(i)]);
    }
    target_.keep(sequence.target_id, tree_);
  } else {
    target_.truncate(sequence.target_id, sequence.size() - 1);
  }
  drafter_.commit(sequence);
  return emitted;
}

}  // namespace pilotfish
