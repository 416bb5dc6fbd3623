#include "speculative/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "pilotfish/error.h"
#include "sampling/log_probabilities.h"

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
    proposals.push_back(
        {token, draft.proposed(i), target[i].probability(token)});
  }
  return proposals;
}

}  // namespace

SpeculativeDecoder::SpeculativeDecoder(
    Scorer& target, Drafter& drafter,
    std::shared_ptr<const TokenAcceptor> acceptor,
    const DecoderOptions& options)
    : target_(target),
      drafter_(drafter),
      acceptor_(std::move(acceptor)),
      window_(options.window),
      options_(options) {
  assert(acceptor_ != nullptr);
  if (options.window < 1) {
    throw UsageError(
        fmt::format("window: {} is out of range; 1 (plain decoding) or more",
                    options.window));
  }
  if (options.prefill_chunk < 1) {
    throw UsageError(fmt::format("prefill_chunk: {} is out of range; 1 or more",
                                 options.prefill_chunk));
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
  for (Part& part : parts_) {
    stats.drafted = static_cast<std::int64_t>(part.draft.size());
    stats.emitted = part.emits() ? take_over(part) : 0;
    stats.accepted = std::min(static_cast<std::int64_t>(part.verdict.accepted),
                              stats.emitted);
    stats.total_seconds = iteration.seconds();
    stats.proposals = std::move(part.proposals);
    part.sequence->record(stats);
  }
}

void SpeculativeDecoder::plan(std::span<Sequence* const> sequences) {
  recycle_drafts();
  parts_.clear();
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

// As far as the window goes, but no further than tokens can still be emitted:
// the target adds one to what is drafted.
std::int64_t SpeculativeDecoder::draft_length(const Sequence& sequence) const {
  const std::int64_t room = target_.n_positions() - sequence.size();
  return std::min(
      {window_.draft_length(sequence), sequence.tokens_left() - 1, room - 1});
}

void SpeculativeDecoder::draft() {
  requests_.clear();
  for (Part& part : parts_) {
    const std::int64_t length = draft_length(*part.sequence);
    if (length == 0) continue;
    // A prompt is encoded first, whatever chunks it comes in.
    const bool encoding = part.sequence->generated_size() == 0;
    requests_.push_back(
        {part.sequence, encoding ? 0 : length, acceptor_->draft_noise()});
    requested_by_.push_back(&part);
  }
  if (requests_.empty()) return;
  drafts_ = drafter_.propose(requests_);
  assert(drafts_.size() == requests_.size());
  for (size_t i = 0; i < drafts_.size(); ++i) {
    assert(static_cast<std::int64_t>(drafts_[i].size()) <= requests_[i].length);
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
    batch_.add(part.sequence->target_id, tokens_,
               part.emits() ? 1 + drafted : 0);
  }
  return target_.forward(batch_);
}

void SpeculativeDecoder::judge(Part& part, const Logits& logits,
                               std::int64_t first_row) {
  Sequence& sequence = *part.sequence;
  for (Distribution& row : rows_) processor_.recycle(std::move(row));
  rows_.clear();
  {
    const HistoryRollback rollback(sequence.history());
    for (size_t i = 0; i <= part.draft.size(); ++i) {
      rows_.push_back(processor_.process(
          logits.row(first_row + static_cast<std::int64_t>(i)),
          sequence.sampling(), sequence.history(), sequence.stop_tokens()));
      if (i < part.draft.size()) {
        sequence.history().push(part.draft.tokens[i]);
      }
    }
  }
  part.verdict =
      acceptor_->accept({part.draft, rows_, sequence.random(),
                         static_cast<std::uint64_t>(sequence.size())});
  if (sequence.keeps_proposals()) {
    part.proposals = proposals_of(part.draft, rows_);
  }
}

void SpeculativeDecoder::check(const Part& part) const {
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
  for (size_t i = 0; i < verdict.accepted; ++i) {
    if (verdict.tokens[i] == draft.tokens[i]) continue;
    throw Error(fmt::format(
        "acceptor {}: its verdict gives token {} as accepted at place {}, "
        "where {} was drafted",
        acceptor_->name(), verdict.tokens[i], i, draft.tokens[i]));
  }
  const Token last = verdict.tokens.back();
  if (last < 0 || last >= target_.vocab_size()) {
    throw Error(fmt::format(
        "acceptor {}: its verdict ends in token {}, outside the model's "
        "vocabulary of {}",
        acceptor_->name(), last, target_.vocab_size()));
  }
}

void SpeculativeDecoder::note_logprobs(Part& part, const Logits& logits,
                                       std::int64_t first_row) {
  const std::optional<std::int64_t> wanted = part.sequence->logprobs_wanted();
  if (!wanted) return;
  for (const Token token : part.verdict.tokens) {
    part.logprobs.push_back(
        log_probabilities(logits.row(first_row++), token, *wanted));
  }
}

// Grows the sequence by its verdict and fits the caches to it.
std::int64_t SpeculativeDecoder::take_over(Part& part) {
  Sequence& sequence = *part.sequence;
  const std::int64_t emitted = sequence.append(
      part.verdict, static_cast<std::int64_t>(part.draft.size()),
      target_.n_positions(), part.logprobs);
  // The newest token is not cached yet.
  target_.truncate(sequence.target_id, sequence.size() - 1);
  drafter_.commit(sequence);
  return emitted;
}

}  // namespace pilotfish
