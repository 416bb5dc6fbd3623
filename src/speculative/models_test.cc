// Bit for bit: with real forward passes at temperature 0, speculation changes
// no token id, whatever the window, draft, threads, prefill chunk, neighbours,
// cache type and penalties.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "random_model.h"
#include "speculative/decoder.h"
#include "speculative/model_drafter.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using Tokens = std::vector<Token>;

class GreedyIdentity : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    options.logit_scale = 3;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.1;
    test::write_random_model(folder_->path() / "good", options);
    options.perturbation = 0;
    options.seed = 2;
    options.n_layers = 1;
    test::write_random_model(folder_->path() / "random", options);
    options.vocab_size = 100;  // of 128
    test::write_random_model(folder_->path() / "narrow", options);
    options.vocab_size = 160;
    test::write_random_model(folder_->path() / "broad", options);
  }
  static void TearDownTestSuite() { delete folder_; }

  struct Setting {
    std::string draft = "";  // none
    std::int64_t window = 4;
    std::int64_t prefill_chunk = 512;
    int threads = 1;
    int neighbours = 0;
    bool penalties = false;
    DType kv = DType::kF16;
  };

  static std::shared_ptr<Model> load(const std::string& name, int threads) {
    LoadOptions options;
    options.threads = make_threads(threads);
    return Model::load(folder_->path() / name, options);
  }

  // The text after a prompt of 20, and how it came about.
  struct Outcome {
    Tokens tokens;
    std::int64_t drafted = 0;
    std::int64_t accepted = 0;
  };

  static SequenceOptions request(Token seed, const Setting& setting) {
    SequenceOptions options;
    for (Token i = 0; i < 20; ++i) {
      options.prompt.push_back((seed * 31 + i * i * 7 + 3 * i) % 100);
    }
    options.max_tokens = 40;
    if (setting.penalties) {
      options.sampling.repetition_penalty = 1.3;
      options.sampling.frequency_penalty = 0.2;
      options.sampling.penalty_window = 16;
    }
    return options;
  }

  static Outcome run(const Setting& setting) {
    ModelScorer target(load("target", setting.threads), {0, 8, setting.kv});
    std::unique_ptr<ModelScorer> draft;
    std::unique_ptr<Drafter> drafter = std::make_unique<NoDrafter>();
    if (!setting.draft.empty()) {
      draft =
          std::make_unique<ModelScorer>(load(setting.draft, setting.threads),
                                        KvCacheOptions{0, 8, setting.kv});
      drafter = std::make_unique<ModelDrafter>(*draft, target.vocab_size(),
                                               setting.prefill_chunk);
    }
    SpeculativeDecoder decoder(
        target, *drafter, make_acceptor("rejection"),
        {.window = setting.window, .prefill_chunk = setting.prefill_chunk});
    std::vector<std::unique_ptr<Sequence>> sequences;
    for (Token i = 0; i <= setting.neighbours; ++i) {
      sequences.push_back(std::make_unique<Sequence>(request(i, setting)));
      decoder.admit(*sequences.back());
    }
    const Sequence& first = *sequences.front();
    while (!first.finished()) {
      std::vector<Sequence*> active;
      for (const auto& sequence : sequences) {
        if (!sequence->finished()) active.push_back(sequence.get());
      }
      decoder.step(active);
    }
    Outcome outcome;
    outcome.tokens.assign(first.generated().begin(), first.generated().end());
    for (const IterationStats& iteration : first.iterations()) {
      outcome.drafted += iteration.drafted;
      outcome.accepted += iteration.accepted;
    }
    return outcome;
  }

  static test::TemporaryFolder* folder_;
};

test::TemporaryFolder* GreedyIdentity::folder_ = nullptr;

TEST_F(GreedyIdentity, ForEveryWindowAndDraft) {
  for (const bool penalties : {false, true}) {
    const Tokens plain = run({.window = 1, .penalties = penalties}).tokens;
    ASSERT_EQ(plain.size(), 40u);
    for (const char* draft : {"target", "good", "random", "narrow", "broad"}) {
      for (std::int64_t window = 1; window <= 8; ++window) {
        EXPECT_EQ(
            run({.draft = draft, .window = window, .penalties = penalties})
                .tokens,
            plain)
            << draft << ", window " << window << ", penalties " << penalties;
      }
    }
  }
}

TEST_F(GreedyIdentity, ForEveryPrefillChunkThreadCountNeighbourAndCacheType) {
  for (const DType kv : {DType::kF32, DType::kF16, DType::kBF16}) {
    const Tokens plain = run({.window = 1, .kv = kv}).tokens;
    for (const char* draft : {"good", "random"}) {
      for (const std::int64_t chunk : {1, 3, 7, 19, 20}) {
        EXPECT_EQ(
            run({.draft = draft, .prefill_chunk = chunk, .kv = kv}).tokens,
            plain)
            << draft << ", chunk " << chunk;
      }
      for (const int neighbours : {1, 4, 7}) {
        EXPECT_EQ(run({.draft = draft,
                       .window = 5,
                       .prefill_chunk = 11,
                       .neighbours = neighbours,
                       .kv = kv})
                      .tokens,
                  plain)
            << draft << ", neighbours " << neighbours;
      }
      for (const int threads : {2, 3}) {
        EXPECT_EQ(
            run({.draft = draft, .window = 6, .threads = threads, .kv = kv})
                .tokens,
            plain)
            << draft << ", threads " << threads;
      }
    }
  }
}

TEST_F(GreedyIdentity, TheTargetAsItsOwnDraftIsAlwaysAccepted) {
  for (const bool penalties : {false, true}) {
    const Outcome outcome =
        run({.draft = "target", .window = 8, .penalties = penalties});
    EXPECT_GT(outcome.drafted, 30);
    EXPECT_EQ(outcome.accepted, outcome.drafted);
  }
}

TEST_F(GreedyIdentity, DraftsOfDifferentQualityAreTested) {
  const Outcome good = run({.draft = "good"});
  const Outcome random = run({.draft = "random"});
  EXPECT_GT(good.accepted, 0);
  EXPECT_LT(good.accepted, good.drafted) << "no rejection was tested";
  EXPECT_LT(random.accepted * 2, random.drafted);
}

}  // namespace
}  // namespace pilotfish
