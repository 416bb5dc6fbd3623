// The decoding loop, over toy models: what it refuses, and what it records.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/loop/decoder.h"
#include "speculative/testing/decoder_bench.h"

namespace pilotfish {
namespace {

using test::Bench;
using test::copy;
using test::LogitTable;
using test::plain_text;
using test::small_toy;
using test::TableScorer;
using test::Tokens;
using test::Toy;
using testing::HasSubstr;

TEST(Decoder, TimesAddUpAndStatisticsFit) {
  Toy toy = small_toy();
  toy.prompt.assign(20, 1);
  Bench bench(toy, {.window = 4, .prefill_chunk = 6});
  Sequence sequence(toy.sequence(0));
  bench.run({&sequence});
  std::int64_t emitted = 0;
  for (const IterationStats& iteration : sequence.iterations()) {
    EXPECT_GT(iteration.emitted, 0);
    EXPECT_LE(iteration.accepted, iteration.drafted);
    EXPECT_GE(iteration.total_seconds,
              iteration.draft_seconds + iteration.verify_seconds);
    emitted += iteration.emitted;
  }
  EXPECT_EQ(emitted, sequence.generated_size());
}

template <typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Decoder, PromptsThatCannotRunAreRefused) {
  const Toy toy = small_toy();
  Bench bench(toy, {}, 8);
  SequenceOptions options;
  options.prompt = Tokens(8, 1);
  Sequence full(options);
  EXPECT_THAT(message_of([&] { bench.decoder.admit(full); }),
              HasSubstr("8 tokens leave no room"));
  options.prompt = {3, 16};
  Sequence strange(options);
  EXPECT_THAT(message_of([&] { bench.decoder.admit(strange); }),
              HasSubstr("token 16 at index 1"));
  options.prompt = {-1};
  Sequence negative(options);
  EXPECT_THROW(bench.decoder.admit(negative), UsageError);
  EXPECT_EQ(bench.target.in_use(), 0u);
}

TEST(Decoder, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(Sequence(SequenceOptions{}), UsageError);
  SequenceOptions options;
  options.prompt = {1};
  options.max_tokens = 0;
  EXPECT_THROW(Sequence{options}, UsageError);
  options.max_tokens = 1;
  options.window = -1;
  EXPECT_THROW(Sequence{options}, UsageError);
  options.window = 1;
  options.sampling.top_p = 2;
  EXPECT_THROW(Sequence{options}, UsageError);
  options.sampling.top_p = 1;
  options.logprobs = -1;
  EXPECT_THROW(Sequence{options}, UsageError);
  TableScorer target(small_toy().target);
  NoDrafter drafter;
  for (const DecoderOptions& wrong :
       {DecoderOptions{.window = -1}, DecoderOptions{.prefill_chunk = 0}}) {
    EXPECT_THROW(
        SpeculativeDecoder(target, drafter, make_acceptor("rejection"), wrong),
        UsageError);
  }
}

// Returns whatever the test says, after some good verdicts.
class Broken final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "broken"; }
  bool lossless() const override { return false; }
  Verdict accept(const Verification& verification) const override {
    if (good-- > 0) return make_acceptor("rejection")->accept(verification);
    return verdict(verification.draft);
  }
  mutable int good = 2;
  std::function<Verdict(const Draft&)> verdict;
};

TEST(Decoder, VerdictsThatBreakTheContractAreErrorsThatNameTheAcceptor) {
  const Toy toy = small_toy();
  const auto expect_error = [&](const char* what, auto verdict) {
    const auto acceptor = std::make_shared<Broken>();
    acceptor->verdict = verdict;
    TableScorer target(toy.target);
    TableScorer draft(toy.draft);
    ModelDrafter drafter(draft, target.vocab_size());
    SpeculativeDecoder decoder(target, drafter, acceptor);
    Sequence first(toy.sequence(0));
    Sequence second(toy.sequence(0));
    decoder.admit(first);
    decoder.admit(second);
    std::vector<Sequence*> both = {&first, &second};
    decoder.step(both);
    // The first sequence's verdict is good, and must not come into effect.
    acceptor->good = 1;
    const Tokens before = copy(first.tokens());
    const std::string message = message_of([&] { decoder.step(both); });
    EXPECT_THAT(message, testing::StartsWith("acceptor broken: "));
    EXPECT_THAT(message, HasSubstr(what));
    EXPECT_EQ(copy(first.tokens()), before);
    EXPECT_EQ(copy(second.tokens()), before);
    // And decoding can go on.
    acceptor->good = 1000;
    while (!first.finished()) decoder.step(both);
    EXPECT_EQ(copy(first.generated()), plain_text(toy, 0));
  };
  expect_error("exactly one more", [](const Draft&) { return Verdict{}; });
  expect_error("exactly one more", [](const Draft&) {
    return Verdict{{1, 2}, 0};
  });
  expect_error("exactly one more", [](const Draft& draft) {
    return Verdict{Tokens(draft.size() + 2, 1), draft.size() + 1};
  });
  expect_error("was drafted", [](const Draft& draft) {
    return Verdict{{(draft.tokens[0] + 1) % 16, 1}, 1};
  });
  expect_error("ends in token 16", [](const Draft&) {
    return Verdict{{16}, 0};
  });
  expect_error("ends in token -1", [](const Draft&) {
    return Verdict{{-1}, 0};
  });
}

TEST(Decoder, LogprobsAreTheTargetsOwn) {
  Toy toy = small_toy();
  toy.sampling.temperature = 1.4;
  toy.sampling.top_k = 9;
  toy.sampling.frequency_penalty = 0.5;
  toy.stop_tokens = {4};
  for (toy.window = 1; toy.window <= 6; ++toy.window) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      SequenceOptions options = toy.sequence(seed);
      options.logprobs = 3;
      Sequence sequence(options);
      Bench(toy).run({&sequence});
      ASSERT_EQ(sequence.logprobs().size(), sequence.generated().size());
      Tokens prefix = toy.prompt;
      for (size_t i = 0; i < sequence.generated().size(); ++i) {
        const std::span<const float> row = toy.target.row(prefix);
        double sum = 0;
        for (const float x : row) sum += std::exp(double{x});
        const Token token = sequence.generated()[i];
        const TokenLogprobs& found = sequence.logprobs()[i];
        EXPECT_NEAR(found.logprob,
                    row[static_cast<size_t>(token)] - std::log(sum), 1e-12);
        ASSERT_EQ(found.top.size(), 3u);
        EXPECT_EQ(found.top[0].token,
                  std::ranges::max_element(row) - row.begin());
        EXPECT_GE(found.top[1].logprob, found.top[2].logprob);
        prefix.push_back(token);
      }
      sequence.finish(FinishReason::kStopString, 1);
      EXPECT_EQ(sequence.logprobs().size(), 1u);
    }
  }
  Sequence none(toy.sequence(0));
  Bench(toy).run({&none});
  EXPECT_TRUE(none.logprobs().empty());
}

TEST(Decoder, KeepsProposalsOfSequencesThatAskForThem) {
  Toy toy = small_toy();
  toy.sampling.temperature = 0.8;
  toy.sampling.presence_penalty = 0.3;
  SequenceOptions options = toy.sequence(3);
  options.keep_proposals = true;
  Sequence keeps(options);
  Sequence forgets(toy.sequence(3));
  Bench bench(toy);
  bench.run({&keeps, &forgets});

  LogitsProcessor processor;
  size_t done = 0;
  size_t rejected = 0;
  for (const IterationStats& iteration : keeps.iterations()) {
    ASSERT_EQ(iteration.proposals.size(),
              static_cast<size_t>(iteration.drafted));
    TokenHistory history(toy.prompt, toy.sampling);
    for (const Token token : keeps.generated().first(done)) {
      history.push(token);
    }
    for (size_t i = 0; i < iteration.proposals.size(); ++i) {
      const Proposal& proposal = iteration.proposals[i];
      const auto probability = [&](const LogitTable& table) {
        return processor
            .process(table.row(history.tokens()), toy.sampling, history, {})
            .probability(proposal.token);
      };
      EXPECT_DOUBLE_EQ(proposal.target_probability, probability(toy.target));
      EXPECT_DOUBLE_EQ(proposal.draft_probability, probability(toy.draft));
      if (static_cast<std::int64_t>(i) < iteration.accepted) {
        EXPECT_EQ(proposal.token, keeps.generated()[done + i]);
      } else {
        ++rejected;
      }
      history.push(proposal.token);
    }
    done += static_cast<size_t>(iteration.emitted);
  }
  EXPECT_GT(rejected, 0u);
  for (const IterationStats& iteration : forgets.iterations()) {
    EXPECT_TRUE(iteration.proposals.empty());
  }
}

}  // namespace
}  // namespace pilotfish
