#include "speculative/loop/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <exception>
#include <utility>

#include "base/thread_team.h"
#include "pilotfish/error.h"
#include "sampling/log_probabilities.h"

namespace pilotfish {
namespace {

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

// Of each token of the verdict, from the row that it follows.
std::vector<TokenLogprobs> logprobs_of(const Case& it, const Logits& logits,
                                       std::int64_t candidates) {
  std::vector<TokenLogprobs> logprobs;
  std::int32_t before = -1;
  for (size_t i = 0; i < it.verdict.tokens.size(); ++i) {
    logprobs.push_back(log_probabilities(logits.row(it.first_row + 1 + before),
                                         it.verdict.tokens[i], candidates));
    if (i < it.path.size()) before = it.path[i];
  }
  return logprobs;
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

Judge::Judge(std::shared_ptr<const TokenAcceptor> acceptor,
             std::int64_t vocab_size, ThreadTeam* threads)
    : acceptor_(std::move(acceptor)),
      vocab_size_(vocab_size),
      threads_(threads),
      scratch_(threads == nullptr ? 1 : static_cast<size_t>(threads->size())) {
  assert(acceptor_ != nullptr);
}

void Judge::judge(std::span<Case> cases, const Logits& logits) {
  if (!shares_work(cases, logits)) {
    for (Case& it : cases) judge_one(it, logits, scratch_.front());
    return;
  }
  std::atomic<size_t> next = 0;
  threads_->run([&](int rank) {
    for (size_t i = next++; i < cases.size(); i = next++) {
      judge_one(cases[i], logits, scratch_[static_cast<size_t>(rank)]);
    }
  });
}

bool Judge::shares_work(std::span<const Case> cases,
                        const Logits& logits) const {
  constexpr std::int64_t kWorthWaking = 1 << 16;  // logits
  return cases.size() > 1 && scratch_.size() > 1 &&
         logits.rows() * logits.vocab_size() >= kWorthWaking;
}

// Throws nothing: another thread may run it.
void Judge::judge_one(Case& it, const Logits& logits, Scratch& scratch) const {
  try {
    process(it, logits, scratch);
    it.verdict = verdict(it, scratch);
    check(it);
    follow_path(it);
    end_at_fault(it, scratch);
    check_rule(it);
    const Sequence& sequence = *it.sequence;
    if (sequence.keeps_proposals()) {
      // A stand-in says nothing of what was drafted.
      for (const auto& [row, fault] : scratch.faults) {
        scratch.rows[static_cast<size_t>(row)] = Distribution();
      }
      it.proposals = proposals_of(*it.draft, scratch.rows);
    }
    if (const auto wanted = sequence.logprobs_wanted()) {
      it.logprobs = logprobs_of(it, logits, *wanted);
    }
  } catch (const UsageError& error) {
    it.failure = {.text = error.what(), .is_usage = true};
  } catch (const std::exception& error) {
    it.failure = {.text = error.what()};
  } catch (...) {
    it.failure = {
        .text = fmt::format("acceptor {}: it threw something that is not a "
                            "std::exception; a verdict is expected",
                            acceptor_of(*it.sequence).name())};
  }
}

// A distribution for the newest token and for each drafted one. A row at fault
// gets a stand-in; end_at_fault() removes what the acceptor drew from it.
void Judge::process(const Case& it, const Logits& logits,
                    Scratch& scratch) const {
  for (Distribution& row : scratch.rows) {
    scratch.processor.recycle(std::move(row));
  }
  scratch.rows.clear();
  scratch.faults.clear();
  const Sequence& sequence = *it.sequence;
  const auto add_row = [&](std::int64_t i, const TokenHistory& history) {
    scratch.rows.push_back(scratch.processor.process(
        logits.row(it.first_row + i), sequence.sampling(), history,
        sequence.stop_tokens()));
    if (!scratch.rows.back().empty()) return;
    scratch.rows.back() = Distribution::one_hot(0);
    scratch.faults.emplace_back(i, scratch.processor.fault());
  };
  add_row(0, sequence.history());
  const auto drafted = static_cast<std::int32_t>(it.draft->size());
  if (drafted == 0) return;
  const HistoryRollback rollback(*it.history);
  for (std::int32_t i = 0; i < drafted; ++i) {
    look_ahead(*it.history, sequence.size(), *it.draft, i);
    add_row(1 + i, *it.history);
  }
}

Verdict Judge::verdict(const Case& it, const Scratch& scratch) const {
  const auto position = static_cast<std::uint64_t>(it.sequence->size());
  try {
    return acceptor_of(*it.sequence)
        .accept({*it.draft, scratch.rows, it.sequence->random(), position});
  } catch (const std::exception& error) {
    throw Error(
        fmt::format("acceptor {}: it threw \"{}\"; a verdict is expected",
                    acceptor_of(*it.sequence).name(), error.what()));
  }
}

void Judge::check(const Case& it) const {
  const Verdict& verdict = it.verdict;
  if (verdict.accepted > it.draft->size() ||
      verdict.tokens.size() != verdict.accepted + 1) {
    throw Error(fmt::format(
        "acceptor {}: its verdict on {} drafted tokens has {} tokens, {} of "
        "them accepted; the accepted ones and exactly one more are expected",
        acceptor_of(*it.sequence).name(), it.draft->size(),
        verdict.tokens.size(), verdict.accepted));
  }
  const Token last = verdict.tokens.back();
  if (last < 0 || last >= vocab_size_) {
    throw Error(fmt::format(
        "acceptor {}: its verdict ends in token {}, outside the model's "
        "vocabulary of {}",
        acceptor_of(*it.sequence).name(), last, vocab_size_));
  }
}

// Finds the accepted tokens in the draft.
void Judge::follow_path(Case& it) const {
  const Draft& draft = *it.draft;
  std::int32_t at = -1;
  for (size_t i = 0; i < it.verdict.accepted; ++i) {
    const Token token = it.verdict.tokens[i];
    const std::int32_t first =
        draft.next_child(at, static_cast<size_t>(at + 1));
    at = draft.child_with(at, token);
    if (at < 0) {
      throw Error(fmt::format(
          "acceptor {}: its verdict gives token {} as accepted at place {}, "
          "where {} was drafted",
          acceptor_of(*it.sequence).name(), token, i,
          first < 0
              ? std::string("none")
              : std::to_string(draft.tokens[static_cast<size_t>(first)])));
    }
    it.path[i] = at;
  }
  it.path = it.path.first(it.verdict.accepted);
}

// Cuts the verdict before the first token that a row at fault was to give. The
// tokens accepted up to there stay; the next pass then begins with that row,
// for which this throws: a UsageError where the sampling parameters are at
// fault, and an Error else. So the text ends where plain decoding ends it.
// Faults of rows behind a rejected token do not count.
void Judge::end_at_fault(Case& it, const Scratch& scratch) const {
  for (const auto& [row, fault] : scratch.faults) {
    if (row == 0) {
      const std::string message =
          fault_message("target", it.sequence->size(), fault);
      if (!fault.is_models) throw UsageError(message);
      throw Error(message);
    }
    const auto at = std::ranges::find(it.path, row - 1);
    if (at == it.path.end()) continue;
    const auto kept = static_cast<size_t>(at - it.path.begin()) + 1;
    it.verdict.tokens.resize(kept);
    it.verdict.accepted = kept;
    it.path = it.path.first(kept);
    return;
  }
}

// An acceptor sees what the sequence's rule excludes as tokens of probability
// 0, and may take them all the same; the rows behind them are stand-ins.
void Judge::check_rule(const Case& it) const {
  const Sequence& sequence = *it.sequence;
  RuleWalk walk = sequence.rule_walk();
  if (walk.rule() == nullptr) return;
  for (const Token token : it.verdict.tokens) {
    if (walk.ended()) return;
    if (walk.take(token)) continue;
    throw Error(
        fmt::format("acceptor {}: its verdict has token {} at position {}, "
                    "which the constraint does not allow",
                    acceptor_of(sequence).name(), token,
                    sequence.size() + (&token - it.verdict.tokens.data())));
  }
}

}  // namespace pilotfish
