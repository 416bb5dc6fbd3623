// A request that finds a part of its prompt in the cache has the same text, to
// the bit, as one that encodes all of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/testing/random_model_on_one_thread.h"
#include "pilotfish/drafters.h"
#include "pilotfish/engine.h"
#include "pilotfish/error.h"
#include "random_model.h"
#include "speculative/testing/table_scorer.h"
#include "speculative/testing/wrapped_scorers.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using test::LogitTable;
using test::SnapshotScorer;
using test::TableScorer;

// Models with attention, so that a wrong token anywhere in a prefix changes
// what follows.
class PrefixReuse : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions model;
    model.n_positions = 256;
    target_ = load("target", model);
    model.perturbation = 0.15;
    model.n_positions = 200;  // a draft that ends before the target
    draft_ = load("draft", model);
  }
  static void TearDownTestSuite() {
    delete draft_;
    delete target_;
    delete folder_;
  }

  static std::shared_ptr<Model> target() { return *target_; }
  static std::shared_ptr<Model> draft() { return *draft_; }

  static EngineOptions options(bool reuse) {
    return {.window = 4,
            .prefill_chunk = 16,
            .corpus = {5, 9, 33, 12, 5, 9, 40},
            .reuse_prefixes = reuse};
  }

 private:
  static std::shared_ptr<Model>* load(const char* name,
                                      const test::RandomModelOptions& model) {
    return new std::shared_ptr(
        testing::load_random_model(folder_->path() / name, model));
  }

  static inline test::TemporaryFolder* folder_;
  static inline std::shared_ptr<Model>* target_;
  static inline std::shared_ptr<Model>* draft_;
};

void append(std::vector<Token>& text, std::span<const Token> more) {
  text.insert(text.end(), more.begin(), more.end());
}

struct Combination {
  std::vector<std::string> drafters;
  std::string acceptor;
  std::int64_t tree_width = 1;
  std::int64_t window = 4;
};

std::string name_of(const Combination& setting, double temperature) {
  return drafters_text(setting.drafters) + ", " + setting.acceptor +
         ", width " + std::to_string(setting.tree_width) + ", k " +
         std::to_string(setting.window) + ", temperature " +
         std::to_string(temperature);
}

// Every drafter alone and some together, with every rule.
std::vector<Combination> combinations() {
  std::vector<Combination> all;
  std::vector<std::vector<std::string>> lists = {{}, {"suffix", "model"}};
  for (const DrafterInfo& info : drafter_infos()) {
    lists.push_back({std::string(info.name)});
  }
  for (const std::string& acceptor : acceptor_names()) {
    for (const auto& list : lists) all.push_back({list, acceptor});
    if (make_acceptor(acceptor)->takes_trees()) {
      all.push_back({{"model"}, acceptor, 3});
    }
  }
  all.push_back({{"model"}, "coupled", 1, kAutoWindow});
  all.push_back({{"model"}, "coupled", 3, kAutoWindow});
  return all;
}

// A conversation whose third turn has the second answer rewritten, as templates
// do that leave out what a model thought, and whose fourth begins anew.
std::vector<Generation> talk(Engine& engine, double temperature) {
  std::vector<Generation> answers;
  std::vector<Token> text = {1, 5, 9, 33, 12, 7};
  for (int turn = 0; turn < 5; ++turn) {
    Request request;
    request.prompt = text;
    request.prediction = {5, 9, 33, 40, 41, 5, 9};
    request.max_tokens = 25;
    request.ignore_eos = true;
    request.sampling.temperature = temperature;
    request.sampling.seed = static_cast<std::uint64_t>(turn);
    request.sampling.frequency_penalty = 0.3;
    answers.push_back(engine.generate(request));
    const std::vector<Token>& answer = answers.back().tokens;
    append(text, turn == 1 ? std::span(answer).subspan(6) : std::span(answer));
    append(text, std::vector<Token>{60, static_cast<Token>(61 + turn)});
    if (turn == 2) text = {1, 5, 9, 70, 71};
  }
  return answers;
}

TEST_F(PrefixReuse, AConversationReadsTheSameWithEveryDrafterAndAcceptor) {
  for (const Combination& setting : combinations()) {
    for (const double temperature : {0.0, 0.9}) {
      SCOPED_TRACE(name_of(setting, temperature));
      std::vector<std::vector<Generation>> both;
      for (const bool reuse : {false, true}) {
        EngineOptions engine = options(reuse);
        engine.acceptor = make_acceptor(setting.acceptor);
        engine.drafters = setting.drafters;
        engine.tree_width = setting.tree_width;
        engine.window = setting.window;
        Engine talking(target(), setting.drafters.empty() ? nullptr : draft(),
                       nullptr, engine);
        both.push_back(talk(talking, temperature));
      }
      for (size_t turn = 0; turn < both[0].size(); ++turn) {
        EXPECT_EQ(both[0][turn].tokens, both[1][turn].tokens) << turn;
        EXPECT_EQ(both[0][turn].stats.reused_tokens, 0);
        if (setting.window == kAutoWindow) continue;  // chosen by the clock
        EXPECT_EQ(both[0][turn].origins, both[1][turn].origins) << turn;
      }
      const std::vector<Generation>& reusing = both[1];
      EXPECT_EQ(reusing[0].stats.reused_tokens, 0);
      // All but the newest token, which no pass has seen, and two that are new.
      EXPECT_EQ(reusing[1].stats.reused_tokens,
                reusing[1].stats.prompt_tokens - 3);
      // Up to where the second answer was rewritten, unless by chance it goes
      // on alike.
      EXPECT_GE(reusing[2].stats.reused_tokens, reusing[1].stats.prompt_tokens);
      EXPECT_LT(reusing[2].stats.reused_tokens,
                reusing[2].stats.prompt_tokens - 3);
      EXPECT_EQ(reusing[3].stats.reused_tokens, 3);
    }
  }
}

// One of many requests. All but every fourth go on from the prompt of an
// earlier one, which has often finished by then.
struct Job {
  Request request;
  std::optional<int> cancel_after;  // tokens
  std::optional<int> throw_after;
};

std::vector<Job> jobs(double temperature) {
  std::vector<Job> all;
  std::mt19937 random(7);
  for (int i = 0; i < 36; ++i) {
    Job& job = all.emplace_back();
    if (i < 4 || i % 4 == 0) {
      job.request.prompt = {1, static_cast<Token>(3 + i % 4)};
    } else {
      job.request.prompt = all[static_cast<size_t>(i - 4)].request.prompt;
    }
    for (int more = 1 + static_cast<int>(random() % 20); more > 0; --more) {
      job.request.prompt.push_back(static_cast<Token>(3 + random() % 100));
    }
    job.request.max_tokens = 4 + static_cast<std::int64_t>(random() % 16);
    job.request.ignore_eos = true;
    job.request.sampling.temperature = temperature;
    job.request.sampling.seed = static_cast<std::uint64_t>(i);
    if (i % 5 == 3) job.cancel_after = 1 + i % 3;
    if (i % 7 == 4) job.throw_after = 1 + i % 3;
  }
  return all;
}

OnPiece callback(const Job& job) {
  return [&job, seen = 0](const Piece& piece) mutable {
    if (piece.token >= 0) ++seen;
    if (job.throw_after && seen >= *job.throw_after) {
      throw std::runtime_error("a caller's own");
    }
    return !job.cancel_after || seen < *job.cancel_after;
  };
}

// The texts; none of those that failed. One is cancelled while it waits.
std::vector<std::vector<Token>> run_all(Engine& engine,
                                        const std::vector<Job>& all,
                                        std::int64_t* reused) {
  std::vector<RequestId> ids;
  for (const Job& job : all) {
    ids.push_back(engine.submit(job.request, callback(job)));
  }
  engine.cancel(ids.back());
  while (engine.step()) {
  }
  std::vector<std::vector<Token>> texts;
  for (size_t i = 0; i < all.size(); ++i) {
    texts.emplace_back();
    if (all[i].throw_after) {
      EXPECT_THROW(engine.take(ids[i]), std::runtime_error);
      continue;
    }
    const Generation generation = engine.take(ids[i]).value();
    texts.back() = generation.tokens;
    *reused += generation.stats.reused_tokens;
  }
  return texts;
}

// A scorer of a model that goes back to snapshots alone.
std::shared_ptr<Scorer> with_snapshots(const std::shared_ptr<Model>& model,
                                       std::int64_t max_sequences) {
  struct Both {
    Both(const std::shared_ptr<Model>& loaded, std::int64_t sequences)
        : inner(loaded, {.max_sequences = sequences}), outer(inner, 5) {}
    ModelScorer inner;
    SnapshotScorer outer;
  };
  const auto both = std::make_shared<Both>(model, max_sequences);
  return {both, &both->outer};
}

TEST_F(PrefixReuse, ManyRequestsReadTheSameBesideCancelledAndFailedOnes) {
  constexpr std::int64_t kTogether = 3;
  for (const bool snapshots : {false, true}) {
    for (const double temperature : {0.0, 0.9}) {
      for (const std::int64_t width : {1, 3}) {
        const std::vector<Job> all = jobs(temperature);
        std::vector<std::vector<std::vector<Token>>> both;
        std::int64_t reused = 0;
        for (const bool reuse : {false, true}) {
          ASSERT_EQ(reused, 0);
          EngineOptions engine = options(reuse);
          engine.max_sequences = kTogether;
          engine.tree_width = width;
          engine.acceptor = make_acceptor(width > 1 ? "rejection" : "block");
          EngineParts parts;
          if (snapshots) {
            parts.target = with_snapshots(target(), kTogether);
            parts.draft = with_snapshots(draft(), kTogether);
          } else {
            const KvCacheOptions cache = {.max_sequences = kTogether};
            parts.target = std::make_shared<ModelScorer>(target(), cache);
            parts.draft = std::make_shared<ModelScorer>(draft(), cache);
          }
          Engine running(parts, engine);
          both.push_back(run_all(running, all, &reused));
        }
        EXPECT_EQ(both[0], both[1])
            << snapshots << ", temperature " << temperature << ", " << width;
        EXPECT_GT(reused, 30);
      }
    }
  }
}

// Breaks its contract for half of the seeds, some tokens after the prompt.
class BreaksForOddSeeds final : public TokenAcceptor {
 public:
  std::string_view name() const override { return "breaks"; }
  bool lossless() const override { return true; }
  Verdict accept(const Verification& verification) const override {
    const Verdict verdict = block_->accept(verification);
    const bool breaks =
        verification.position % 11 == 7 &&
        verification.random.uniform(0, RandomRole::kTarget) < 0.5;
    return breaks ? Verdict{{}, 0} : verdict;
  }

 private:
  std::shared_ptr<const TokenAcceptor> block_ = make_acceptor("block");
};

std::string outcome(Engine& engine, RequestId id) {
  try {
    std::string text;
    const Generation generation = engine.take(id).value();
    for (const Token token : generation.tokens) {
      text += std::to_string(token) + " ";
    }
    return text;
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_F(PrefixReuse, WhatFailedInItsAcceptorLeavesNothingWrongBehind) {
  const std::vector<Job> all = jobs(0.9);
  std::vector<std::vector<std::string>> both;
  for (const bool reuse : {false, true}) {
    EngineOptions engine = options(reuse);
    engine.max_sequences = 2;
    engine.acceptor = std::make_shared<BreaksForOddSeeds>();
    Engine running(target(), draft(), nullptr, engine);
    std::vector<RequestId> ids;
    for (const Job& job : all) ids.push_back(running.submit(job.request));
    while (running.step()) {
    }
    std::vector<std::string>& outcomes = both.emplace_back();
    for (const RequestId id : ids) outcomes.push_back(outcome(running, id));
  }
  EXPECT_EQ(both[0], both[1]);
  EXPECT_GT(std::ranges::count_if(both[0],
                                  [](const std::string& it) {
                                    return it.find("acceptor breaks") !=
                                           std::string::npos;
                                  }),
            3);
}

class TableReuse : public ::testing::Test {
 protected:
  static constexpr std::int64_t kTogether = 2;

  Engine engine(bool reuse) {
    return Engine(
        EngineParts{.target = target_, .draft = draft_},
        {.max_sequences = kTogether, .window = 3, .reuse_prefixes = reuse});
  }

  static Request request(std::vector<Token> prompt) {
    Request request;
    request.prompt = std::move(prompt);
    request.max_tokens = 6;
    return request;
  }

  std::shared_ptr<TableScorer> target_ = std::make_shared<TableScorer>(
      LogitTable(16, 11, 1), 128, static_cast<size_t>(kTogether));
  std::shared_ptr<TableScorer> draft_ = std::make_shared<TableScorer>(
      LogitTable(16, 11, 1), 128, static_cast<size_t>(kTogether));
};

// Target and draft each encode what is new, and no more.
TEST_F(TableReuse, ATurnEncodesOnlyWhatIsNew) {
  for (const bool reuse : {true, false}) {
    Engine talking = engine(reuse);
    std::vector<Token> text(80, 3);
    append(text, talking.generate(request(text)).tokens);
    append(text, std::vector<Token>{4, 5});
    const std::int64_t target_rows = target_->rows;
    const std::int64_t draft_rows = draft_->rows;
    const Generation answer = talking.generate(request(text));
    EXPECT_EQ(answer.stats.reused_tokens, reuse ? 85 : 0);
    // Windows of three rows for six tokens are behind the prompt.
    EXPECT_EQ(target_->rows - target_rows < 20, reuse);
    EXPECT_EQ(draft_->rows - draft_rows < 20, reuse);
  }
}

// Where many ask the same at once, it is encoded once.
TEST_F(TableReuse, AnswersToOnePromptShareIt) {
  constexpr std::int64_t kAnswers = 4;
  for (const bool reuse : {true, false}) {
    const auto target =
        std::make_shared<TableScorer>(LogitTable(16, 11, 1), 128);
    Engine engine(EngineParts{.target = target},
                  {.max_sequences = kAnswers, .reuse_prefixes = reuse});
    std::vector<RequestId> ids;
    std::vector<Request> requests;
    for (std::uint64_t seed = 0; seed < kAnswers; ++seed) {
      Request one = request(std::vector<Token>(100, 3));
      one.sampling.temperature = 1;
      one.sampling.seed = seed;
      requests.push_back(one);
      ids.push_back(engine.submit(one));
    }
    while (engine.step()) {
    }
    EXPECT_EQ(target->rows < 150, reuse);
    Engine alone(EngineParts{.target = target}, {.reuse_prefixes = false});
    for (size_t i = 0; i < ids.size(); ++i) {
      const Generation result = engine.take(ids[i]).value();
      EXPECT_EQ(result.stats.reused_tokens, reuse && i > 0 ? 99 : 0);
      EXPECT_EQ(result.tokens, alone.generate(requests[i]).tokens);
    }
  }
}

// The tables throw for one position more than they have room for.
TEST_F(TableReuse, TakesNoMoreMemoryThanThereIs) {
  const auto small = [] {
    return std::make_shared<TableScorer>(LogitTable(16, 11, 1), 128, kTogether,
                                         kTogether * 16);
  };
  Engine running({.target = small(), .draft = small()},
                 {.max_sequences = kTogether, .window = 3});
  for (int i = 0; i < 20; ++i) {
    for (const Token end : {3, 4}) {
      const RequestId id =
          running.submit(request({static_cast<Token>(i % 7), 2, end}));
      while (running.step()) {
      }
      EXPECT_NO_THROW(running.take(id));
    }
  }
}

TEST_F(TableReuse, APassThatFailedIsNotReused) {
  const auto failing = std::make_shared<test::FailingScorer>(*target_, 3);
  Engine running({.target = failing, .draft = draft_},
                 {.max_sequences = kTogether, .window = 3});
  const std::vector<Token> prompt = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_THROW(running.generate(request(prompt)), Error);
  const Generation found = running.generate(request(prompt));
  EXPECT_EQ(found.stats.reused_tokens, 0);
  EXPECT_EQ(found.tokens, engine(false).generate(request(prompt)).tokens);
}

}  // namespace
}  // namespace pilotfish
