// Bit for bit: with real forward passes, at temperature 0 or with the coupled
// acceptor, speculation changes no token id, whatever the window, draft,
// threads, prefill chunk, neighbours, cache type and penalties.

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pilotfish/error.h"
#include "pilotfish/window.h"
#include "random_model.h"
#include "speculative/drafters/model_drafter.h"
#include "speculative/drafters/tree_drafter.h"
#include "speculative/first_layers.h"
#include "speculative/loop/decoder.h"
#include "speculative/testing/windows.h"
#include "test_data.h"

namespace pilotfish {
namespace {

using Tokens = std::vector<Token>;

class Identity : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    test::RandomModelOptions options;
    options.logit_scale = 3;
    test::write_random_model(folder_->path() / "target", options);
    options.perturbation = 0.1;
    test::write_random_model(folder_->path() / "good", options);
    options.architecture = "mistral";
    options.sliding_window = 21;
    test::write_random_model(folder_->path() / "sliding", options);
    options.architecture = "llama";
    options.sliding_window = 0;
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
    std::string draft = "";     // none; "skip": the target's first layer
    std::string acceptor = "";  // by `sampled`
    std::int64_t window = 4;    // kAutoWindow: wild ones
    std::int64_t prefill_chunk = 512;
    int threads = 1;
    int neighbours = 0;
    bool penalties = false;
    bool sampled = false;  // with the coupled acceptor
    unsigned wildness = 0;
    DType kv = DType::kF16;
    std::int64_t tree_width = 1;
    std::string target = "target";
    std::int64_t n_positions = 0;
  };

  // "cut": the target's first layer as a model of its own.
  static std::shared_ptr<Model> load(const std::string& name, int threads) {
    LoadOptions options;
    options.threads = make_threads(threads);
    options.layers = name == "cut" ? 1 : 0;
    return Model::load(folder_->path() / (name == "cut" ? "target" : name),
                       options);
  }

  // The text after a prompt of 20, and how it came about.
  struct Outcome {
    Tokens tokens;
    std::int64_t drafted = 0;
    std::int64_t accepted = 0;
    std::int64_t trees = 0;  // iterations that branched
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
    if (setting.sampled) {
      options.sampling.temperature = 0.8;
      options.sampling.top_p = 0.95;
      options.sampling.seed = static_cast<std::uint64_t>(seed);
    }
    return options;
  }

  static Outcome run(const Setting& setting) {
    ModelScorer target(load(setting.target, setting.threads),
                       {setting.n_positions, 8, setting.kv});
    std::unique_ptr<Scorer> draft;
    std::unique_ptr<Drafter> drafter = std::make_unique<NoDrafter>();
    if (setting.draft == "skip") {
      draft = std::make_unique<FirstLayers>(target, 1);
    } else if (!setting.draft.empty()) {
      draft =
          std::make_unique<ModelScorer>(load(setting.draft, setting.threads),
                                        KvCacheOptions{0, 8, setting.kv});
    }
    if (draft != nullptr && setting.tree_width == 1) {
      drafter = std::make_unique<ModelDrafter>(*draft, target.vocab_size(),
                                               setting.prefill_chunk);
    } else if (draft != nullptr) {
      drafter = std::make_unique<TreeDrafter>(*draft, target.vocab_size(),
                                              setting.tree_width,
                                              setting.prefill_chunk);
    }
    SpeculativeDecoder decoder(
        target, *drafter,
        make_acceptor(!setting.acceptor.empty() ? setting.acceptor
                      : setting.sampled         ? "coupled"
                                                : "rejection"),
        {.window = setting.window,
         .prefill_chunk = setting.prefill_chunk,
         .policy = std::make_shared<test::WildWindow>(setting.wildness)});
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
      outcome.trees += iteration.drafted > iteration.places();
    }
    return outcome;
  }

  static test::TemporaryFolder* folder_;
};

test::TemporaryFolder* Identity::folder_ = nullptr;

TEST_F(Identity, ForEveryWindowAndDraft) {
  for (const bool sampled : {false, true}) {
    for (const bool penalties : {false, true}) {
      const Setting setting{
          .window = 1, .penalties = penalties, .sampled = sampled};
      const Tokens plain = run(setting).tokens;
      ASSERT_EQ(plain.size(), 40u);
      for (const char* draft :
           {"target", "good", "random", "narrow", "broad", "skip"}) {
        for (std::int64_t window = 1; window <= 8; ++window) {
          Setting speculative = setting;
          speculative.draft = draft;
          speculative.window = window;
          EXPECT_EQ(run(speculative).tokens, plain)
              << draft << ", window " << window << ", penalties " << penalties
              << ", sampled " << sampled;
        }
      }
    }
  }
}

TEST_F(Identity, ForEveryPrefillChunkThreadCountNeighbourAndCacheType) {
  for (const DType kv : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const bool sampled : {false, true}) {
      const Setting setting{.window = 1, .sampled = sampled, .kv = kv};
      const Tokens plain = run(setting).tokens;
      const auto expect_same = [&](const char* draft, std::int64_t window,
                                   std::int64_t chunk, int neighbours,
                                   int threads) {
        Setting other = setting;
        other.draft = draft;
        other.window = window;
        other.prefill_chunk = chunk;
        other.neighbours = neighbours;
        other.threads = threads;
        EXPECT_EQ(run(other).tokens, plain)
            << draft << ", window " << window << ", chunk " << chunk
            << ", neighbours " << neighbours << ", threads " << threads
            << ", sampled " << sampled;
      };
      for (const char* draft : {"good", "random", "skip"}) {
        for (const std::int64_t chunk : {1, 3, 7, 19, 20}) {
          expect_same(draft, 4, chunk, 0, 1);
        }
        for (const int neighbours : {1, 4, 7}) {
          expect_same(draft, 5, 11, neighbours, 1);
        }
      }
      if (kv != DType::kF16) continue;
      for (const int threads : {2, 3}) {
        expect_same("good", 6, 512, 0, threads);
      }
    }
  }
}

TEST_F(Identity, WhateverThePolicyDoes) {
  for (const bool sampled : {false, true}) {
    const Setting setting{.window = 1, .sampled = sampled};
    const Tokens plain = run(setting).tokens;
    for (const char* draft : {"good", "random", "skip"}) {
      for (unsigned wildness = 0; wildness < 8; ++wildness) {
        Setting wild = setting;
        wild.draft = draft;
        wild.window = kAutoWindow;
        wild.wildness = wildness;
        wild.neighbours = wildness % 2 == 0 ? 0 : 3;
        const Outcome outcome = run(wild);
        EXPECT_EQ(outcome.tokens, plain)
            << draft << ", wildness " << wildness << ", sampled " << sampled;
        EXPECT_GT(outcome.drafted, 0);
      }
    }
  }
}

// Through blocks' ends (the text is 60 tokens long), to the end of the cache,
// and with layers that see the latest positions alone.
TEST_F(Identity, ForEveryTree) {
  std::int64_t trees = 0;
  for (const char* target : {"target", "sliding"}) {
    for (const std::int64_t n_positions : {0, 50}) {
      for (const DType kv : {DType::kF32, DType::kF16, DType::kBF16}) {
        for (const bool sampled : {false, true}) {
          Setting setting{.window = 1,
                          .penalties = kv == DType::kF32,
                          .sampled = sampled,
                          .kv = kv,
                          .target = target,
                          .n_positions = n_positions};
          const Tokens plain = run(setting).tokens;
          for (const char* draft : {"good", "random", "narrow", "skip"}) {
            for (const std::int64_t window : {4, 9}) {
              setting.draft = draft;
              setting.window = window;
              setting.tree_width = 3;
              setting.neighbours = window == 4 ? 2 : 0;
              const Outcome outcome = run(setting);
              trees += outcome.trees;
              EXPECT_EQ(outcome.tokens, plain)
                  << target << " of " << n_positions << " positions, " << draft
                  << ", window " << window << ", cache " << dtype_name(kv)
                  << ", sampled " << sampled;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(trees, 200);
}

TEST_F(Identity, TheTargetAsItsOwnDraftIsAlwaysAccepted) {
  for (const bool sampled : {false, true}) {
    for (const bool penalties : {false, true}) {
      const Outcome outcome = run({.draft = "target",
                                   .window = 8,
                                   .penalties = penalties,
                                   .sampled = sampled});
      EXPECT_GT(outcome.drafted, 30);
      EXPECT_EQ(outcome.accepted, outcome.drafted);
    }
  }
}

// The first layers as a draft that shares the target's cache propose exactly
// what the same layers propose as a model with a cache of their own.
TEST_F(Identity, SkippingLayersDraftsAsTheCutModelDoes) {
  for (const char* acceptor : {"rejection", "block", "coupled"}) {
    for (const int neighbours : {0, 3}) {
      for (const bool sampled : {false, true}) {
        Setting setting{.draft = "skip",
                        .acceptor = acceptor,
                        .window = 5,
                        .neighbours = neighbours,
                        .sampled = sampled};
        const Outcome skip = run(setting);
        setting.draft = "cut";
        const Outcome cut = run(setting);
        EXPECT_EQ(skip.tokens, cut.tokens) << acceptor;
        EXPECT_EQ(skip.drafted, cut.drafted) << acceptor;
        EXPECT_EQ(skip.accepted, cut.accepted) << acceptor;
      }
    }
  }
}

TEST_F(Identity, SkippingNeedsAPartOfTheLayers) {
  ModelScorer target(load("target", 1), {});
  EXPECT_THROW(FirstLayers(target, 0), UsageError);
  EXPECT_THROW(FirstLayers(target, 2), UsageError);
  EXPECT_NO_THROW(FirstLayers(target, 1));
}

TEST_F(Identity, DraftsOfDifferentQualityAreTested) {
  const Outcome good = run({.draft = "good"});
  const Outcome random = run({.draft = "random"});
  EXPECT_GT(good.accepted, 0);
  EXPECT_LT(good.accepted, good.drafted) << "no rejection was tested";
  EXPECT_LT(random.accepted * 2, random.drafted);
}

// Drafts as another drafter does, and keeps the hidden rows that come with the
// text's tokens.
class HiddenWatcher final : public Drafter {
 public:
  HiddenWatcher(Drafter& inner, std::vector<std::int64_t> layers)
      : inner_(inner), layers_(std::move(layers)) {}

  std::vector<Draft> propose(std::span<const DraftRequest> requests) override {
    return inner_.propose(requests);
  }
  std::span<const std::int64_t> hidden_layers() const override {
    return layers_;
  }
  void commit(std::span<const PassRows> passes,
              const PassOutput& output) override {
    inner_.commit(passes, output);
    for (const PassRows& pass : passes) {
      for (std::int64_t i = 0; i < pass.rows(); ++i) {
        if (std::ssize(rows) > pass.first + i) continue;
        ASSERT_EQ(std::ssize(rows), pass.first + i);
        rows.emplace_back();
        for (const std::int64_t layer : layers_) {
          const auto row = output.hidden(layer, pass.hidden_row(i));
          rows.back().insert(rows.back().end(), row.begin(), row.end());
        }
      }
    }
  }

  std::vector<std::vector<float>> rows;  // [tokens][layers * hidden_size]

 private:
  Drafter& inner_;
  std::vector<std::int64_t> layers_;
};

// What a head that drafts from the target's states sees is what one pass over
// the whole text gives, in chains and trees, bit for bit.
TEST_F(Identity, HiddenRowsOfTheTextComeWithItsPasses) {
  const std::vector<std::int64_t> layers = {0, 1, 2};
  for (const std::int64_t width : {1, 3}) {
    const auto model = load("target", 2);
    ModelScorer target(model, {0, 1, DType::kF32});
    ModelScorer draft(load("good", 2), {0, 1, DType::kF32});
    TreeDrafter drafter(draft, target.vocab_size(), width, 7);
    HiddenWatcher watcher(drafter, layers);
    SpeculativeDecoder decoder(target, watcher, make_acceptor("rejection"),
                               {.window = 5, .prefill_chunk = 7});
    Sequence sequence(request(3, {}));
    decoder.admit(sequence);
    std::vector<Sequence*> active = {&sequence};
    while (!sequence.finished()) decoder.step(active);

    KvCache cache = model->make_cache({.dtype = DType::kF32});
    Batch batch;
    batch.want_hidden(layers);
    const auto cached = std::ssize(watcher.rows);
    ASSERT_EQ(cached, sequence.size() - 1);
    batch.add(cache.create(),
              sequence.tokens().first(static_cast<size_t>(cached)), 0, cached);
    const HiddenRows expected = model->forward(batch, cache).hidden;
    for (std::int64_t i = 0; i < cached; ++i) {
      std::vector<float> row;
      for (std::int64_t layer = 0; layer < std::ssize(layers); ++layer) {
        row.insert(row.end(), expected.row(layer, i).begin(),
                   expected.row(layer, i).end());
      }
      EXPECT_EQ(watcher.rows[static_cast<size_t>(i)], row)
          << "token " << i << ", width " << width;
    }
  }
}

}  // namespace
}  // namespace pilotfish
