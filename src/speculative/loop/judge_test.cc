// The judge on a team of threads: the same verdicts for every team, and each
// sequence's mistakes its own.

#include "speculative/loop/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/thread_team.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/testing/decoder_bench.h"

namespace pilotfish {
namespace {

using test::copy;
using test::LogitTable;
using test::TableScorer;
using test::Tokens;
using test::Toy;

constexpr std::int64_t kWideVocab = 2000;
constexpr std::uint64_t kSequences = 16;

Toy wide_toy(double temperature) {
  const LogitTable target(kWideVocab, 8, 1, 2.5f);
  Toy toy(target, LogitTable::like(target, 2, 0.5f));
  toy.sampling.temperature = temperature;
  toy.sampling.top_p = 0.95;
  toy.sampling.repetition_penalty = 1.1;
  toy.max_tokens = 12;
  toy.window = 5;
  return toy;
}

// Fails for one request, after some tokens.
class Choosy final : public TokenAcceptor {
 public:
  explicit Choosy(std::shared_ptr<const TokenAcceptor> inner)
      : inner_(std::move(inner)) {}
  std::string_view name() const override { return "choosy"; }
  bool lossless() const override { return false; }
  DraftNoise draft_noise() const override { return inner_->draft_noise(); }
  bool takes_trees() const override { return inner_->takes_trees(); }
  Verdict accept(const Verification& verification) const override {
    if (verification.random.seed() == 5 && verification.position > 6) {
      throw std::runtime_error("not this one");
    }
    return inner_->accept(verification);
  }

 private:
  std::shared_ptr<const TokenAcceptor> inner_;
};

struct JudgeOutcome {
  Tokens text;
  std::vector<double> numbers;  // proposals' and log-probabilities
  std::string failure;

  friend bool operator==(const JudgeOutcome&, const JudgeOutcome&) = default;
};

std::vector<JudgeOutcome> run(const Toy& toy, ThreadTeam* team,
                              const std::string& acceptor, bool trees) {
  TableScorer target(toy.target);
  target.team = team;
  TableScorer draft(toy.draft);
  std::unique_ptr<Drafter> drafter;
  if (trees) {
    drafter = std::make_unique<TreeDrafter>(draft, kWideVocab, 2);
  } else {
    drafter = std::make_unique<ModelDrafter>(draft, kWideVocab);
  }
  SpeculativeDecoder decoder(target, *drafter,
                             std::make_shared<Choosy>(make_acceptor(acceptor)));
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> active;
  for (std::uint64_t seed = 0; seed < kSequences; ++seed) {
    SequenceOptions options = toy.sequence(seed);
    options.keep_proposals = true;
    options.logprobs = 2;
    sequences.push_back(std::make_unique<Sequence>(options));
    decoder.admit(*sequences.back());
    active.push_back(sequences.back().get());
  }
  while (!active.empty()) {
    decoder.step(active);
    std::erase_if(active, [](const Sequence* it) { return it->finished(); });
  }
  std::vector<JudgeOutcome> outcomes;
  for (const auto& sequence : sequences) {
    JudgeOutcome& outcome = outcomes.emplace_back();
    outcome.text = copy(sequence->generated());
    if (sequence->failure()) outcome.failure = sequence->failure()->text;
    for (const IterationStats& it : sequence->iterations()) {
      for (const Proposal& proposal : it.proposals) {
        outcome.numbers.push_back(proposal.draft_probability);
        outcome.numbers.push_back(proposal.target_probability);
      }
    }
    for (const TokenLogprobs& it : sequence->logprobs()) {
      outcome.numbers.push_back(it.logprob);
      outcome.numbers.push_back(it.top.back().logprob);
    }
  }
  return outcomes;
}

TEST(Judge, TheNumberOfThreadsChangesNoBit) {
  for (const double temperature : {0.0, 0.9}) {
    const Toy toy = wide_toy(temperature);
    for (const char* acceptor : {"rejection", "block", "coupled"}) {
      for (const bool trees : {false, true}) {
        const auto expected = run(toy, nullptr, acceptor, trees);
        EXPECT_THAT(expected[5].failure, testing::HasSubstr("not this one"));
        EXPECT_EQ(expected[4].failure, "");
        EXPECT_EQ(expected[4].text.size(), 12u);
        for (const int threads : {1, 2, 3, 7}) {
          const auto team = make_threads(threads);
          EXPECT_EQ(run(toy, team.get(), acceptor, trees), expected)
              << acceptor << ", " << threads << " threads, trees " << trees;
        }
      }
    }
  }
}

// Returns once two threads are in it at the same time; gives up after a while,
// so that a judge that works alone fails the test and does not stop it.
class Meeting final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "meeting"; }
  bool lossless() const override { return false; }
  Verdict accept(const Verification&) const override {
    std::unique_lock lock(mutex_);
    here_.insert(std::this_thread::get_id());
    arrived_.notify_all();
    met_ = met_ && arrived_.wait_for(lock, std::chrono::seconds(20),
                                     [&] { return here_.size() > 1; });
    return {{1}, 0};
  }
  std::size_t threads() const { return here_.size(); }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  mutable std::set<std::thread::id> here_;
  mutable bool met_ = true;  // or nobody has waited yet
};

// How many threads judge so many sequences of plain decoding.
std::size_t threads_for(std::uint64_t sequences, std::int64_t vocab_size) {
  const auto team = make_threads(2);
  const auto acceptor = std::make_shared<Meeting>();
  const std::vector<float> rows(sequences * static_cast<size_t>(vocab_size));
  const Draft none;
  std::vector<std::unique_ptr<Sequence>> texts;
  std::vector<Case> cases;
  for (std::uint64_t i = 0; i < sequences; ++i) {
    SequenceOptions options;
    options.prompt = {1};
    texts.push_back(std::make_unique<Sequence>(options));
    cases.push_back({.sequence = texts.back().get(),
                     .draft = &none,
                     .history = nullptr,
                     .first_row = static_cast<std::int64_t>(i),
                     .path = {}});
  }
  Judge judge(acceptor, vocab_size, team.get());
  judge.judge(cases, Logits(rows.data(), static_cast<std::int64_t>(sequences),
                            vocab_size));
  return acceptor->threads();
}

TEST(Judge, SharesTheWorkWhereThereIsMuch) {
  EXPECT_EQ(threads_for(16, 32000), 2u);
}

}  // namespace
}  // namespace pilotfish
