#ifndef PILOTFISH_SPECULATIVE_TESTING_NAIVE_LOOP_H_
#define PILOTFISH_SPECULATIVE_TESTING_NAIVE_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "speculative/testing/toy.h"

namespace pilotfish::test {

// What has gone wrong in engines; kNone is right.
enum class Bug {
  kNone,
  kArgmaxToldAsSampled,     // argmax drafts tested against a softmax q
  kSharedNoise,             // draft and residual draw with the same number
  kSharedDecision,          // draft and decision do
  kUnprocessedDraft,        // q handed on as before the processors
  kPenaltiesIgnoreDrafted,  // rows inside a window penalised as at its start
  kTokensAfterStop,         // the window goes on after an end token
  kCountsNonZeroIds,        // accepted tokens counted by "id is not 0"
  kRecoversFromTarget,      // no residual at all
};

// Speculative sampling in one plain function, to be wrong in one chosen way:
// the negative controls of the statistical tests.
inline std::vector<Token> naive_generate(const Toy& toy, std::uint64_t seed,
                                         Bug bug) {
  LogitsProcessor processor;
  const Random random(seed);
  SamplingParams plain;
  plain.temperature = 1;
  TokenHistory history(toy.prompt, toy.sampling);
  const auto generated = [&] {
    return history.tokens().subspan(static_cast<size_t>(toy.prompt.size()));
  };
  const auto is_stop = [&](Token token) {
    return std::ranges::count(toy.stop_tokens, token) > 0;
  };
  const auto row = [&](const LogitTable& table, const TokenHistory& counted) {
    return processor.process(table.row(history.tokens()), toy.sampling, counted,
                             toy.stop_tokens);
  };

  bool stopped = false;
  while (!stopped && std::ssize(generated()) < toy.max_tokens) {
    Draft draft;
    std::vector<Distribution> target;
    const std::int64_t length =
        std::min(toy.window - 1, toy.max_tokens - std::ssize(generated()) - 1);
    const auto position = static_cast<std::uint64_t>(history.size());
    {
      std::optional<TokenHistory> frozen;
      if (bug == Bug::kPenaltiesIgnoreDrafted) frozen.emplace(history);
      const HistoryRollback rollback(history);
      for (std::int64_t i = 0;; ++i) {
        target.push_back(row(toy.target, frozen ? *frozen : history));
        if (i == length) break;
        Distribution q = row(toy.draft, history);
        const auto at = static_cast<std::uint64_t>(history.size());
        draft.tokens.push_back(
            bug == Bug::kArgmaxToldAsSampled
                ? q.argmax()
                : q.sample(random.uniform(at, RandomRole::kDraft)));
        if (bug == Bug::kUnprocessedDraft) {
          q = processor.process(toy.draft.row(history.tokens()), plain, history,
                                {});
        }
        draft.probs.push_back(std::move(q));
        history.push(draft.tokens.back());
      }
    }
    Verdict verdict;
    const auto draw = [&](const Distribution& from, RandomRole role) {
      verdict.tokens.push_back(
          from.sample(random.uniform(position + verdict.accepted, role)));
    };
    for (bool going = true; going && verdict.accepted < draft.size();) {
      const size_t i = verdict.accepted;
      const Token x = draft.tokens[i];
      const RandomRole decision = bug == Bug::kSharedDecision
                                      ? RandomRole::kDraft
                                      : RandomRole::kAccept;
      going = random.uniform(position + i, decision) <
                  target[i].probability(x) / draft.proposed(i) &&
              !(bug == Bug::kCountsNonZeroIds && x == 0);
      if (going) {
        verdict.tokens.push_back(x);
        ++verdict.accepted;
      } else {
        draw(bug == Bug::kRecoversFromTarget
                 ? target[i]
                 : residual(target[i], draft.probs[i]),
             bug == Bug::kSharedNoise ? RandomRole::kDraft
                                      : RandomRole::kRecovered);
      }
    }
    if (verdict.accepted == draft.size()) {
      draw(target.back(), RandomRole::kTarget);
    }
    for (const Token token : verdict.tokens) {
      history.push(token);
      stopped = stopped || is_stop(token);
      if (stopped && bug != Bug::kTokensAfterStop) break;
    }
  }
  return {generated().begin(), generated().end()};
}

}  // namespace pilotfish::test

#endif  // PILOTFISH_SPECULATIVE_TESTING_NAIVE_LOOP_H_
