// The decoding loop, over toy models: what it refuses, and what it records.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "pilotfish/error.h"
#include "speculative/loop/decoder.h"
#include "speculative/testing/decoder_bench.h"
#include "speculative/testing/wrapped_scorers.h"

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

// A good verdict, but for one seed's sequence from a position on: there it does
// what the test says.
class Broken final : public TokenAcceptor {
 public:
  using Break = std::function<Verdict(const Draft&)>;
  static constexpr std::uint64_t kSeed = 1;
  static constexpr std::uint64_t kPosition = 9;

  explicit Broken(Break does) : does_(std::move(does)) {}

  std::string_view name() const override { return "broken"; }
  bool lossless() const override { return false; }
  Verdict accept(const Verification& verification) const override {
    return verification.random.seed() == kSeed &&
                   verification.position >= kPosition
               ? does_(verification.draft)
               : rejection_->accept(verification);
  }

 private:
  Break does_;
  std::shared_ptr<const TokenAcceptor> rejection_ = make_acceptor("rejection");
};

// Three sequences, of which the second one's verdict is broken.
void expect_failure(const char* what, const Broken::Break& does) {
  Toy toy = small_toy();
  toy.sampling.temperature = 0.9;
  Bench right(toy);
  std::vector<std::unique_ptr<Sequence>> expected;
  std::vector<std::unique_ptr<Sequence>> found;
  std::vector<Sequence*> active;
  TableScorer target(toy.target);
  TableScorer draft(toy.draft);
  ModelDrafter drafter(draft, target.vocab_size());
  SpeculativeDecoder decoder(target, drafter, std::make_shared<Broken>(does));
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    SequenceOptions options = toy.sequence(seed);
    options.window = 4;
    expected.push_back(std::make_unique<Sequence>(options));
    right.run({expected.back().get()});
    found.push_back(std::make_unique<Sequence>(options));
    decoder.admit(*found.back());
    active.push_back(found.back().get());
  }
  while (!active.empty()) {
    decoder.step(active);
    std::erase_if(active, [](const Sequence* it) { return it->finished(); });
  }
  for (const size_t i : {0u, 2u}) {
    EXPECT_FALSE(found[i]->failure());
    EXPECT_EQ(copy(found[i]->generated()), copy(expected[i]->generated()));
    EXPECT_EQ(found[i]->iterations().size(), expected[i]->iterations().size());
  }
  ASSERT_TRUE(found[1]->failure()) << what;
  EXPECT_FALSE(found[1]->failure()->is_usage);
  const std::string& text = found[1]->failure()->text;
  EXPECT_THAT(text, testing::StartsWith("acceptor broken: "));
  EXPECT_THAT(text, HasSubstr(what));
  EXPECT_THAT(text, testing::Not(HasSubstr("\n")));
  // What it had before is right, and stays.
  const Tokens kept = copy(found[1]->generated());
  EXPECT_GE(found[1]->size(), std::int64_t{Broken::kPosition});
  ASSERT_LT(kept.size(), expected[1]->generated().size());
  EXPECT_EQ(kept, copy(expected[1]->generated().first(kept.size())));
  for (const auto& sequence : found) decoder.retire(*sequence);
  EXPECT_EQ(target.in_use() + draft.in_use(), 0u);
}

TEST(Decoder, AVerdictThatBreaksTheContractFailsItsSequenceAlone) {
  expect_failure("exactly one more", [](const Draft&) { return Verdict{}; });
  expect_failure("exactly one more", [](const Draft&) {
    return Verdict{{1, 2}, 0};
  });
  expect_failure("exactly one more", [](const Draft& draft) {
    return Verdict{Tokens(draft.size() + 2, 1), draft.size() + 1};
  });
  expect_failure("was drafted", [](const Draft& draft) {
    return Verdict{{(draft.tokens[0] + 1) % 16, 1}, 1};
  });
  expect_failure("ends in token 16", [](const Draft&) {
    return Verdict{{16}, 0};
  });
  expect_failure("ends in token -1", [](const Draft&) {
    return Verdict{{-1}, 0};
  });
}

TEST(Decoder, AnAcceptorThatThrowsFailsItsSequenceAlone) {
  expect_failure("it threw \"no idea\"", [](const Draft&) -> Verdict {
    throw std::runtime_error("no idea");
  });
  expect_failure("not a std::exception",
                 [](const Draft&) -> Verdict { throw 5; });
}

TEST(Sequence, TheFirstFailureCounts) {
  Sequence sequence(small_toy().sequence(0));
  EXPECT_FALSE(sequence.finished());
  sequence.fail({.text = "one"});
  sequence.fail({.text = "two"});
  EXPECT_TRUE(sequence.finished());
  EXPECT_EQ(sequence.failure()->text, "one");
}

// A pass that fails as a whole: nobody has changed, and decoding can go on.
TEST(Decoder, APassThatFailsLeavesAllSequencesAsTheyWere) {
  const Toy toy = small_toy();
  for (const bool target_fails : {true, false}) {
    for (std::int64_t pass = 1; pass <= 12; ++pass) {
      TableScorer target(toy.target);
      TableScorer draft(toy.draft);
      test::FailingScorer failing(target_fails ? target : draft, pass);
      Scorer& used_target =
          target_fails ? static_cast<Scorer&>(failing) : target;
      Scorer& used_draft = target_fails ? static_cast<Scorer&>(draft) : failing;
      ModelDrafter drafter(used_draft, target.vocab_size());
      SpeculativeDecoder decoder(used_target, drafter,
                                 make_acceptor("rejection"), {.window = 4});
      Sequence first(toy.sequence(0));
      Sequence second(toy.sequence(1));
      decoder.admit(first);
      decoder.admit(second);
      Sequence* const both[] = {&first, &second};
      int thrown = 0;
      while (!first.finished() && !second.finished()) {
        const Tokens before[] = {copy(first.tokens()), copy(second.tokens())};
        try {
          decoder.step(both);
        } catch (const Error&) {
          ++thrown;
          EXPECT_EQ(copy(first.tokens()), before[0]);
          EXPECT_EQ(copy(second.tokens()), before[1]);
          EXPECT_FALSE(first.finished() || second.finished());
        }
      }
      EXPECT_EQ(thrown, 1);
      EXPECT_EQ(copy(first.generated()), plain_text(toy, 0));
      EXPECT_EQ(copy(second.generated()), plain_text(toy, 1));
    }
  }
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
